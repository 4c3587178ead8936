/** Why pg_dump ended: what it said becomes the reason of the fault, with a hint for what is known. */
import { Fault, type FaultCode } from '../../base/fault.ts'
import type { ClientProgram } from './client-output.ts'

interface Known {
  readonly said: RegExp
  readonly code: FaultCode
  readonly hint: string
}

const known: readonly Known[] = [
  {
    said: /canceling statement due to (lock|statement) timeout|could not obtain lock/,
    code: 'DUMP_FAILED',
    hint: 'Somebody holds a lock on this table (ALTER TABLE, TRUNCATE, VACUUM FULL, …): find out who in pg_locks, wait until that is done, or allow a longer --lock-wait.',
  },
  {
    said: /database "[^"]*" does not exist/,
    code: 'POSTGRES_REFUSED',
    hint: 'Look at the names with psql -l.',
  },
  {
    said: /no matching (schemas|tables) were found/,
    code: 'DUMP_FAILED',
    hint: 'Look at the patterns of --schema and --table: nothing in the database fits them.',
  },
  {
    said: /server version mismatch/,
    code: 'PROGRAM_MISSING',
    hint: "Install the client programs of the server's version, or set postgres.bin_directory to where they are.",
  },
  {
    said: /out of shared memory/,
    code: 'DUMP_FAILED',
    hint: 'A dump locks every table: raise max_locks_per_transaction of the server (which needs a restart), or dump schema by schema.',
  },
  {
    said: /permission denied/,
    code: 'POSTGRES_REFUSED',
    hint: 'Dump as a superuser, or GRANT pg_read_all_data to the role (and, for the globals, let it read pg_authid).',
  },
  {
    said: /server closed the connection|terminating connection|connection to server|SSL (SYSCALL|connection)|could not receive data|lost synchronization/,
    code: 'POSTGRES_UNREACHABLE',
    hint: 'The connection to the server broke: look at its log, and run the dump again.',
  },
]

export function programFault(
  { path, about }: Pick<ClientProgram, 'path' | 'about'>,
  ending: { readonly status: number | null; readonly by: NodeJS.Signals | null } | { readonly error: Error },
  said: string,
): Fault {
  const name = path.split('/').at(-1) ?? path
  if ('error' in ending)
    return new Fault('PROGRAM_MISSING', `${path} can not be started: ${ending.error.message}`, {
      hint: 'Check postgres.bin_directory and the rights on the file.',
      cause: ending.error,
    })
  const reason = reasonIn(said, name)
  const how = ending.by === null ? `ended with status ${String(ending.status)}` : `was ended by ${ending.by}`
  const fit = known.find(each => each.said.test(said))
  return new Fault(
    fit?.code ?? 'DUMP_FAILED',
    `${name} ${how} on ${about}${reason === '' ? '' : `: ${reason}`}`,
    {
      hint: fit?.hint ?? 'Nothing of this dump was kept. Mend what it says, and run the dump again.',
    },
  )
}

/** Its complaints without the program's name before each, and without hints that would hide them. */
function reasonIn(said: string, name: string): string {
  const lines = said
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
  const errors = lines.filter(line => /error:|FATAL|ERROR/.test(line))
  const chosen = errors.length > 0 ? errors : lines.slice(-2)
  return chosen
    .slice(0, 3)
    .map(line => line.replace(new RegExp(`^${name}: (error: )?`), ''))
    .join('; ')
}
