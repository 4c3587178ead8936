/** Turns what goes wrong between us and a server into faults that say what to do. */
import pg from 'pg'
import { Fault, errnoOf, messageOf } from '../base/fault.ts'
import { grantAgainst, grantsFor } from './grants.ts'

/** What the texts need to know about the connection. Holds no secret. */
export interface Place {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Why a password file was not used. */
  readonly passFileIgnored?: string | undefined
  readonly hasPassword?: boolean | undefined
}

/** `/run/postgresql:5432`, `db1.example:5432`. */
export function describePlace({ host, port }: Place): string {
  return `${host}:${String(port)}`
}

/** A connection that did not come about. */
export function connectFault(error: unknown, place: Place): Fault {
  if (error instanceof Fault) return error
  const code = errnoOf(error) ?? ''
  const known = serverRefusals[code]
  if (known) return refused(error, place, known(place))
  const hint = unreachableHints[code]
  if (hint) return unreachable(error, place, hint(place))
  if (error instanceof pg.DatabaseError) {
    return passes(code)
      ? unreachable(error, place, 'Try again when the server accepts connections.')
      : refused(error, place, refusedHint)
  }
  if (/password must be a string|client password/i.test(messageOf(error)))
    return refused(error, place, passwordHint(place))
  if (/does not support SSL/i.test(messageOf(error))) {
    return refused(
      error,
      place,
      'Turn on ssl in the server, or say sslmode=disable in the connection string if the network is trusted.',
    )
  }
  if (/CERT|SIGNATURE|_TLS_/.test(code)) return refused(error, place, certificateHint)
  if (/timeout/i.test(messageOf(error))) {
    return unreachable(
      error,
      place,
      'Check that the host and port are right and that no firewall swallows the packets.',
    )
  }
  return unreachable(
    error,
    place,
    'Check that the server runs and that the connection string names its host and port.',
  )
}

/** A statement that failed on a connection that stood. `major` is 0 when it is not known yet. */
export function statementFault(error: unknown, place: Place, major: number): Fault {
  if (error instanceof Fault) return error
  if (!(error instanceof pg.DatabaseError)) return lostFault(error, place)
  const code = error.code ?? ''
  if (code === '57014') {
    return new Fault('POSTGRES_REFUSED', `PostgreSQL cancelled a statement: ${error.message}`, {
      hint: 'Find out what keeps the server so busy (pg_stat_activity, disk), then run the command again.',
      cause: error,
    })
  }
  if (passes(code)) return lostFault(error, place)
  if (code === '42501') return rightsFault(error, place, major)
  return refused(
    error,
    place,
    error.hint ?? 'See the server’s log for the statement and its circumstances.',
    'a statement',
  )
}

/** A connection that broke. */
export function lostFault(error: unknown, place: Place): Fault {
  return new Fault(
    'POSTGRES_UNREACHABLE',
    `the connection to PostgreSQL at ${describePlace(place)} broke: ${messageOf(error)}`,
    {
      hint: 'Check whether the server was restarted or the connection ended by an administrator, then run the command again.',
      cause: error,
    },
  )
}

function rightsFault(error: pg.DatabaseError, place: Place, major: number): Fault {
  const grant = grantAgainst(error.message, place.user, major)
  const all = grantsFor(place.user, major).join(' ')
  const what = grant === undefined ? `give the role what it needs: ${all}` : `run ${grant}`
  return refused(error, place, `As a superuser in the database ${place.database}, ${what}`, 'a statement')
}

function refused(error: unknown, place: Place, hint: string, what = 'the connection'): Fault {
  const message = `PostgreSQL at ${describePlace(place)} refused ${what}: ${messageOf(error)}`
  return new Fault('POSTGRES_REFUSED', message, { hint, cause: error })
}

function unreachable(error: unknown, place: Place, hint: string): Fault {
  const message = `PostgreSQL at ${describePlace(place)} can not be reached: ${messageOf(error) || (errnoOf(error) ?? 'no answer')}`
  return new Fault('POSTGRES_UNREACHABLE', message, { hint, cause: error })
}

/** Conditions that pass without anybody changing settings: connection errors, shutdown, start-up, crash. */
function passes(code: string): boolean {
  return code.startsWith('08') || ['57P01', '57P02', '57P03', '57P04', '57P05', '53300'].includes(code)
}

const certificateHint =
  'Name the certificate of the authority with sslrootcert=, and connect by the host name that the server’s certificate holds.'
const refusedHint = 'Read the message above; the server’s log has more.'

function passwordHint(place: Place): string {
  if (place.passFileIgnored !== undefined)
    return `Mend the password file: ${place.passFileIgnored}; it was not used.`
  if (place.hasPassword)
    return 'Check the password: it came from the connection string, PGPASSWORD or the password file.'
  return 'Give the password in ~/.pgpass, in PGPASSWORD, or in the connection string as ${ENV_NAME}.'
}

/** By SQLSTATE. */
const serverRefusals: Readonly<Record<string, (place: Place) => string>> = {
  '28P01': passwordHint,
  '28000': ({ user, database }) =>
    `Add a line for user ${user} and database ${database} to pg_hba.conf and reload the server, or, where the line says "peer", run the command as that user (sudo -u ${user === 'root' ? 'postgres' : user} holdfast …); see that the role exists.`,
  '3D000': ({ database }) =>
    `Name an existing database in the connection string (postgres is nearly always there) instead of ${database}.`,
}

const unreachableHints: Readonly<Record<string, (place: Place) => string>> = {
  ENOENT: ({ host, port }) =>
    `Start the server, or correct host= in the connection string: there is no socket ${host}/.s.PGSQL.${String(port)} (SHOW unix_socket_directories, SHOW port on the server).`,
  ECONNREFUSED: ({ port }) =>
    `Start the server, or correct the port: nothing listens on ${String(port)} (listen_addresses must name the host, too).`,
  EACCES: ({ host, port }) =>
    `Let this user use the socket ${host}/.s.PGSQL.${String(port)} (unix_socket_permissions, unix_socket_group), or run as another.`,
  ENOTFOUND: ({ host }) =>
    `Correct the host in the connection string: ${host} is not a name that can be resolved.`,
  EAI_AGAIN: ({ host }) => `Check the name server: ${host} could not be resolved just now.`,
  EHOSTUNREACH: ({ host }) => `Check the network: there is no route to ${host}.`,
  ETIMEDOUT: ({ host }) => `Check the network and firewalls between here and ${host}.`,
  '57P03': () => 'Wait until the server accepts connections: it is starting, stopping, or recovering.',
  '53300': () => 'Raise max_connections or reserve connections: all of them are in use.',
}
