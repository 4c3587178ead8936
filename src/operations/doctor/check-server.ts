/** Judges a server by what it tells of itself. Decides only. */
import { maskSecrets } from '../../base/mask-secrets.ts'
import { formatDuration, minute, second } from '../../base/units.ts'
import { judgeArchiver } from '../../postgres/archiver-health.ts'
import type { ServerFacts } from '../../postgres/server-facts.ts'
import { advice, ok, problem, type Finding } from './finding.ts'

/** `where` is how the server was reached; `archiveCommand` is what archive_command should be. */
export function checkServer(facts: ServerFacts, where: string, archiveCommand: string): readonly Finding[] {
  const kind = facts.inRecovery ? 'standby' : 'primary'
  return [
    ok('server', `PostgreSQL ${facts.version} at ${where}, a ${kind} on timeline ${String(facts.timeline)}`),
    rights(facts),
    ...settings(facts),
    ...archiving(facts, archiveCommand),
  ]
}

function rights({ role }: ServerFacts): Finding {
  if (role.superuser) return ok('server', `the role ${role.name} is a superuser`)
  if (role.missingGrants.length === 0) return ok('server', `the role ${role.name} has the rights it needs`)
  return problem(
    'server',
    `the role ${role.name} lacks rights that a backup needs`,
    `Run as a superuser, in the database that is connected to: ${role.missingGrants.join(' ')}`,
  )
}

function settings({ fullPageWrites, dataChecksums, walLevel }: ServerFacts): readonly Finding[] {
  const found: Finding[] = []
  if (walLevel === 'minimal') {
    found.push(
      problem(
        'server',
        'wal_level is minimal: the log can not rebuild the data',
        'Set wal_level = replica and restart the server.',
      ),
    )
  }
  if (!fullPageWrites) {
    found.push(
      problem(
        'server',
        'full_page_writes is off: pages torn while they are copied could not be repaired',
        'Set full_page_writes = on and reload the server.',
      ),
    )
  }
  found.push(
    dataChecksums
      ? ok('server', 'page checksums are on: every page is checked at backup')
      : advice(
          'server',
          'page checksums are off: damage by disk or memory goes into the backups unseen',
          'Stop the server for a while and run pg_checksums --enable.',
        ),
  )
  return found
}

function archiving(facts: ServerFacts, archiveCommand: string): readonly Finding[] {
  const health = judgeArchiver(facts, archiveCommand)
  switch (health.verdict) {
    case 'failing':
      return [problem('archiving', health.message, health.hint)]
    case 'doubtful':
      return [advice('archiving', health.message, health.hint)]
    case 'standby':
      return [ok('archiving', health.note)]
    case 'healthy':
      return [ok('archiving', health.note ?? lastArchived(facts)), ...fineTuning(facts, archiveCommand)]
  }
}

function lastArchived({ archiver, nowMs }: ServerFacts): string {
  const { lastArchivedWal, lastArchivedMs } = archiver
  const ago =
    lastArchivedMs === undefined ? '' : `, ${formatDuration(Math.max(0, nowMs - lastArchivedMs))} ago`
  return `archiving works: ${lastArchivedWal ?? ''} was the last${ago}`
}

function fineTuning({ archiver }: ServerFacts, archiveCommand: string): readonly Finding[] {
  const found: Finding[] = []
  if (archiver.timeoutMs === 0) {
    found.push(
      advice(
        'archiving',
        'archive_timeout is 0: a quiet server may keep its last commits to itself for hours',
        'Set archive_timeout = 60s and reload the server.',
      ),
    )
  } else if (archiver.timeoutMs > 60 * minute) {
    found.push(
      advice(
        'archiving',
        `archive_timeout is ${formatDuration(archiver.timeoutMs)}: so much may be lost on a quiet server`,
        'Set archive_timeout = 60s and reload the server.',
      ),
    )
  }
  if (archiver.library === '' && archiver.command !== archiveCommand) {
    found.push(
      advice(
        'archiving',
        `archive_command is: ${maskSecrets(archiver.command)}`,
        `Look whether it uses this configuration; this Holdfast would be: ${archiveCommand}`,
      ),
    )
  }
  return found
}

const skewMsMax = 2 * second

/** `aheadMs`: how far the other clock is ahead of this host's. */
export function checkClock(whose: string, aheadMs: number): Finding {
  const off = formatDuration(Math.abs(aheadMs))
  if (Math.abs(aheadMs) <= skewMsMax) return ok('clock', `the clock of ${whose} agrees with this host's`)
  return problem(
    'clock',
    `the clock of ${whose} is ${off} ${aheadMs > 0 ? 'ahead of' : 'behind'} this host's`,
    'Set both by the same time servers (chrony, systemd-timesyncd): leases, ids and targets of restores depend on the time.',
  )
}
