/**
 * Connection strings, read as libpq reads them: `postgresql://user@host/db?…`, `key=value key='v a l'`, the usual
 * environment variables for what is left out, and the folder of a Unix socket as the host.
 *
 * See the PostgreSQL manual, "Connection Strings" and "Environment Variables" (libpq).
 */
import { Fault, messageOf } from '../base/fault.ts'
import { Secret } from '../base/secret.ts'

export type Environment = Readonly<Record<string, string | undefined>>
export type SslMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'

/** Where to connect to, and as whom. */
export interface ConnectionTarget {
  /** A name, an address, or the folder of the Unix socket; undefined: the usual folder of this machine. */
  readonly host: string | undefined
  readonly port: number
  /** Undefined: the name of the operating system's user. */
  readonly user: string | undefined
  /** Undefined: named like the user. */
  readonly database: string | undefined
  readonly password: Secret | undefined
  readonly passFile: string | undefined
  readonly sslMode: SslMode
  readonly sslRootCert: string | undefined
  readonly sslCert: string | undefined
  readonly sslKey: string | undefined
  /** Command-line options for the server's session. */
  readonly options: string | undefined
}

/** What libpq calls a parameter, and the environment variable that stands in for it. */
const parameters = {
  host: 'PGHOST',
  port: 'PGPORT',
  user: 'PGUSER',
  dbname: 'PGDATABASE',
  password: 'PGPASSWORD',
  passfile: 'PGPASSFILE',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  options: 'PGOPTIONS',
} as const

type Parameter = keyof typeof parameters

/** Read by libpq and without a meaning here: passed over, so that one string serves both. */
const passedOver = new Set([
  'application_name',
  'fallback_application_name',
  'connect_timeout',
  'client_encoding',
  'target_session_attrs',
  'keepalives',
  'keepalives_idle',
  'keepalives_interval',
  'keepalives_count',
  'tcp_user_timeout',
  'gssencmode',
  'channel_binding',
  'sslcompression',
  'ssl_min_protocol_version',
  'ssl_max_protocol_version',
  'load_balance_hosts',
])

export function parseConnectionString(text: string, environment: Environment): ConnectionTarget {
  const given = /^postgres(ql)?:\/\//.test(text) ? fromUri(text) : fromKeywords(text)
  const value = (name: Parameter): string | undefined =>
    given.get(name) || environment[parameters[name]] || undefined
  const password = value('password')
  return {
    host: oneHost(value('host')),
    port: port(value('port')),
    user: value('user'),
    database: value('dbname'),
    password: password === undefined ? undefined : new Secret(password),
    passFile: value('passfile') ?? (environment['HOME'] ? `${environment['HOME']}/.pgpass` : undefined),
    sslMode: sslMode(value('sslmode')),
    sslRootCert: value('sslrootcert'),
    sslCert: value('sslcert'),
    sslKey: value('sslkey'),
    options: value('options'),
  }
}

/** A host that is a folder with a Unix socket in it (`@`: one without a file). */
export function isSocketFolder(host: string): boolean {
  return host.startsWith('/') || host.startsWith('@')
}

function fromUri(text: string): Map<string, string> {
  const [base, search] = splitOnce(text.replace(/^postgres(ql)?:\/\//, ''), '?')
  const [authority, database] = splitOnce(base, '/')
  const at = authority.lastIndexOf('@')
  const [user, password] = splitOnce(at < 0 ? '' : authority.slice(0, at), ':')
  const { host, port: portText } = hostAndPort(authority.slice(at + 1))
  const found = new Map<string, string>()
  const put = (name: string, value: string): void => {
    if (value !== '') found.set(known(name), value)
  }
  put('user', decode(user))
  put('password', decode(password))
  put('host', decode(host))
  put('port', portText)
  put('dbname', decode(database))
  for (const pair of search.split('&').filter(Boolean)) {
    const [name, value] = splitOnce(pair, '=')
    put(decode(name), decode(value))
  }
  return found
}

function hostAndPort(text: string): { host: string; port: string } {
  const match = /^\[([^\]]*)\](?::(.*))?$/.exec(text)
  if (match) return { host: match[1] ?? '', port: match[2] ?? '' }
  const [host, portText] = splitOnce(text, ':')
  return { host, port: portText }
}

/** `key = value` pairs; a value with spaces stands in single quotes, `\` escapes. */
function fromKeywords(text: string): Map<string, string> {
  const found = new Map<string, string>()
  const pair = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\']|\\.)*))\s*/gy
  while (pair.lastIndex < text.length) {
    const match = pair.exec(text)
    if (!match) throw invalid('it is neither a URI nor a list of key=value pairs')
    found.set(known(match[1] ?? ''), (match[2] ?? match[3] ?? '').replaceAll(/\\(.)/gs, '$1'))
  }
  return found
}

function known(name: string): string {
  const plain = name === 'database' ? 'dbname' : name
  if (!Object.hasOwn(parameters, plain) && !passedOver.has(plain))
    throw invalid(`the parameter "${plain}" is not known`)
  return plain
}

function oneHost(host: string | undefined): string | undefined {
  if (host?.includes(',') && !isSocketFolder(host))
    throw invalid(
      'it names several hosts',
      'Name one host: a backup must be taken from one and the same server.',
    )
  return host
}

function port(text: string | undefined): number {
  const value = Number(text ?? 5432)
  if (!Number.isInteger(value) || value < 1 || value > 65535)
    throw invalid(`the port "${text ?? ''}" is not a port`)
  return value
}

function sslMode(text = 'prefer'): SslMode {
  const modes: readonly SslMode[] = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full']
  // `allow` means encryption only where the server insists; asking first is at least as safe.
  const mode = text === 'allow' ? 'prefer' : modes.find(name => name === text)
  if (!mode) throw invalid(`sslmode "${text}" is not known`)
  return mode
}

function splitOnce(text: string, separator: string): readonly [before: string, after: string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    throw invalid(`it holds a percent sign that begins no escape (${messageOf(error)})`)
  }
}

/** Never shows the string itself: it may hold a password. */
function invalid(
  why: string,
  hint = 'Write it as postgresql://user@host:5432/database, or postgresql://user@/database?host=/run/postgresql for a Unix socket.',
): Fault {
  return new Fault('CONFIG_INVALID', `the connection string can not be read: ${why}`, { hint })
}
