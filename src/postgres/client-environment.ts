/**
 * What PostgreSQL's client programs are given to connect with. All of it goes through the environment, since everybody on a
 * machine can read the command lines of others, and passwords stand in connection strings.
 */
import type { ConnectionTarget, Environment } from './connection-string.ts'

/** `environment` is this process's own: what stands there and means something to libpq is kept unless `target` says it. */
export function clientEnvironment(
  target: ConnectionTarget,
  environment: Environment,
): Readonly<Record<string, string>> {
  const port = String(target.port)
  const given: Environment = {
    ...Object.fromEntries(
      Object.entries(environment).filter(([name]) => name.startsWith('PG') || inherited.has(name)),
    ),
    PGHOST: target.host,
    PGPORT: port,
    PGUSER: target.user,
    PGDATABASE: target.database,
    PGPASSWORD: target.password?.reveal(),
    PGPASSFILE: target.passFile,
    PGSSLMODE: target.sslMode,
    PGSSLROOTCERT: target.sslRootCert,
    PGSSLCERT: target.sslCert,
    PGSSLKEY: target.sslKey,
    PGOPTIONS: target.options,
    PGCONNECT_TIMEOUT: '10',
    // Messages are read by people and by us.
    LC_ALL: 'C',
  }
  return Object.fromEntries(
    Object.entries(given).filter((pair): pair is [string, string] => pair[1] !== undefined),
  )
}

const inherited: ReadonlySet<string> = new Set([
  'PATH',
  'HOME',
  'TMPDIR',
  'USER',
  'LOGNAME',
  'KRB5CCNAME',
  'SSL_CERT_FILE',
])

/** A database's name as an argument: one with `=` in it would be read as a connection string. */
export function databaseArgument(database: string): string {
  return `dbname='${database.replaceAll(/['\\]/g, '\\$&')}'`
}
