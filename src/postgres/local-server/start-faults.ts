/** Why a server did not start or did not reach its target, and what to do: from its own words. */
import { Fault } from '../../base/fault.ts'
import type { RecoveryLog } from './recovery-log.ts'

export function startFault(log: RecoveryLog, logFile: string, exit: string): Fault {
  const problem = log.problems[0] ?? lastTelling(log) ?? `it ended with ${exit}`
  return new Fault('SERVER_START', `the server did not start: ${problem}`, {
    hint: `${hintFor(log.problems.join(' ') || log.tail.join(' '))} Its log is ${logFile}.`,
  })
}

/** Without a FATAL line: the last one that is not about the shutdown itself. */
function lastTelling(log: RecoveryLog): string | undefined {
  return log.tail.findLast(
    line => line.trim() !== '' && !/database system is shut down|shutting down/.test(line),
  )
}

function hintFor(text: string): string {
  return hints.find(([pattern]) => pattern.test(text))?.[1] ?? 'Read the server’s own message above.'
}

/** First match counts. Patterns are of PostgreSQL’s English messages, 14 to 18. */
const hints: readonly (readonly [RegExp, string])[] = [
  [
    /ended before configured recovery target was reached/,
    'Choose an earlier target: the WAL that could be had ends before this one.',
  ],
  [
    /could not restore file .* from archive|restore_command/i,
    'Look at the messages of restore_command in the log: the repository could not be reached, or its key is missing on this host.',
  ],
  [
    /checkpoint record|WAL ends before end of online backup|requested timeline|unexpected timeline/,
    'See that the WAL since the backup’s start is in the repository, on a timeline that goes through this backup (holdfast wal status).',
  ],
  [
    /insufficient parameter settings|lower setting/,
    'Raise these settings in the restored configuration to the values of the original server, or let the server promote instead of pause.',
  ],
  [
    /lock file "postmaster\.pid"|pre-existing shared memory/,
    'Stop the server that runs on this data directory.',
  ],
  [
    /lock file "[^"]*\.s\.PGSQL|could not bind|could not create any (TCP\/IP|Unix)/,
    'Free the port, or let the restored server use another one: something listens on it already.',
  ],
  [
    /data directory .* has (invalid permissions|wrong ownership)|has group or world access/,
    'Give the data directory to the user that runs the server, with mode 0700.',
  ],
  [
    /incompatible with server|was initialized by PostgreSQL version/,
    'Use the programs of the PostgreSQL version that the backup was taken from.',
  ],
  [
    /could not (access|load) (file|library)|could not find .* in .*shared_preload|could not open extension/,
    'Install the extension packages that the original server preloads (shared_preload_libraries) on this host.',
  ],
  [
    /could not map anonymous shared memory|could not resize shared memory|out of memory|Cannot allocate memory/,
    'Lower shared_buffers for this host: there is too little memory.',
  ],
  [/private key|certificate|ssl_/i, 'Put the server’s TLS files in place, or set ssl = off.'],
  [/No space left/, 'Make room on the disk.'],
  [
    /could not open (configuration )?file|could not access the server configuration file|could not load .*pg_hba/,
    'Put the configuration files in place, or name them in the configuration.',
  ],
  [
    /unrecognized configuration parameter|invalid value for parameter|contains errors/,
    'Correct the configuration of the restored server.',
  ],
]
