/** Opens a `pg` client on a target, the way libpq would: sockets, passwords from files, and its meanings of sslmode. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import { Fault, messageOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { second } from '../base/units.ts'
import { connectFault, type Place } from './connection-faults.ts'
import { isSocketFolder, type ConnectionTarget } from './connection-string.ts'
import { readPassFile } from './pass-file.ts'

export interface OpenClient {
  readonly client: pg.Client
  readonly place: Place
}

/** The place that a target names, once what it leaves out is filled in from this machine. */
export function placeOf(target: ConnectionTarget): Place {
  const user = target.user ?? userInfo().username
  return { host: target.host ?? usualHost(), port: target.port, user, database: target.database ?? user }
}

export async function openClient(
  target: ConnectionTarget,
  applicationName: string,
  signal: AbortSignal,
): Promise<OpenClient> {
  const bare = placeOf(target)
  const found =
    target.password || !target.passFile
      ? { password: target.password }
      : await readPassFile(target.passFile, bare)
  const place = {
    ...bare,
    passFileIgnored: 'ignored' in found ? found.ignored : undefined,
    hasPassword: found.password !== undefined,
  }
  const common: pg.ClientConfig = {
    host: place.host,
    port: place.port,
    user: place.user,
    database: place.database,
    // As a function: otherwise `pg` looks for password files by itself, and warns about it.
    password: () => found.password?.reveal() ?? '',
    application_name: applicationName,
    connectionTimeoutMillis: limits.postgresConnectMsMax,
    statement_timeout: limits.postgresStatementMsMax,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10 * second,
    ...(target.options === undefined ? {} : { options: target.options }),
    types: { getTypeParser: textUnlessSmall },
  }
  const ssl = isSocketFolder(place.host) ? false : await sslOptions(target)
  try {
    return { client: await connected({ ...common, ssl }, signal), place }
  } catch (error) {
    signal.throwIfAborted()
    // `prefer` means: encrypted if the server can, else plain.
    if (target.sslMode !== 'prefer' || ssl === false || !/does not support SSL/i.test(messageOf(error)))
      throw connectFault(error, place)
  }
  try {
    return { client: await connected({ ...common, ssl: false }, signal), place }
  } catch (error) {
    signal.throwIfAborted()
    throw connectFault(error, place)
  }
}

async function connected(config: pg.ClientConfig, signal: AbortSignal): Promise<pg.Client> {
  signal.throwIfAborted()
  const client = new pg.Client(config)
  const giveUp = (): void => {
    client.connection.stream.destroy(new Error('interrupted'))
  }
  signal.addEventListener('abort', giveUp)
  try {
    await client.connect()
    return client
  } catch (error) {
    client.on('error', () => undefined) // What comes after the first error is of no interest.
    client.connection.stream.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

async function sslOptions(target: ConnectionTarget): Promise<false | ConnectionOptions> {
  if (target.sslMode === 'disable') return false
  const ca = await optionalFile(target.sslRootCert === 'system' ? undefined : target.sslRootCert)
  const verified =
    target.sslMode === 'verify-full' ||
    target.sslMode === 'verify-ca' ||
    (target.sslMode === 'require' && ca !== undefined)
  return {
    rejectUnauthorized: verified,
    // Only verify-full compares the host's name; the others trust whatever the authority signed.
    ...(verified && target.sslMode !== 'verify-full' ? { checkServerIdentity: () => undefined } : {}),
    ...withoutUndefined({
      ca,
      cert: await optionalFile(target.sslCert),
      key: await optionalFile(target.sslKey),
    }),
  }
}

function withoutUndefined(entries: Readonly<Record<string, string | undefined>>): ConnectionOptions {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined))
}

async function optionalFile(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new Fault(
      'CONFIG_INVALID',
      `the file ${path} of the connection string can not be read: ${messageOf(error)}`,
      {
        hint: 'Correct sslrootcert, sslcert or sslkey, or let this user read the file.',
        cause: error,
      },
    )
  }
}

function usualHost(): string {
  return (
    ['/run/postgresql', '/var/run/postgresql', '/tmp'].find(folder =>
      existsSync(`${folder}/.s.PGSQL.5432`),
    ) ?? '/run/postgresql'
  )
}

/** OIDs of bool, int2, int4, oid, float4 and float8, whose values fit JavaScript's without loss. */
const smallTypes: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>(
  [
    [16, text => text === 't'],
    ...[21, 23, 26, 700, 701].map((oid): [number, (text: string) => unknown] => [oid, Number]),
  ],
)

function textUnlessSmall(oid: number): (text: string) => unknown {
  return smallTypes.get(oid) ?? (text => text)
}
