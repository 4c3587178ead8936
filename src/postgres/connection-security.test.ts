import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serverUser } from '../../test/support/postgres-binaries.ts'
import { startServer, type TestServer } from '../../test/support/postgres-server.ts'
import { findProgram } from '../../test/support/tools.ts'
import { connect, type Server } from './connection.ts'

const never = new AbortController().signal

async function connected(text: string, environment: Record<string, string> = {}): Promise<string> {
  await using server: Server = await connect(text, { environment }, never)
  const [row] = await server.query<{ ssl: boolean }>(
    'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
    [],
    never,
  )
  return row?.ssl ? 'encrypted' : 'plain'
}

describe.skipIf(findProgram('openssl').path === undefined)('encrypted connections', () => {
  let server: TestServer
  let ca: string
  beforeAll(async () => {
    server = await startServer({ major: 15, tcp: true })
    ca = join(server.root, 'ca.crt')
    makeCertificates(server.root)
    server.configure({
      ssl: 'on',
      ssl_cert_file: join(server.root, 'server.crt'),
      ssl_key_file: join(server.root, 'server.key'),
    })
    await server.restart()
  })
  afterAll(() => server.remove())
  const at = (host: string, more: string): string =>
    `postgresql://postgres@${host}:${String(server.port)}/postgres?${more}`

  test('are used where the server can, and not where sslmode says no', async () => {
    expect(await connected(at('127.0.0.1', ''))).toBe('encrypted')
    expect(await connected(at('127.0.0.1', 'sslmode=require'))).toBe('encrypted')
    expect(await connected(at('127.0.0.1', 'sslmode=disable'))).toBe('plain')
    expect(await connected(`${server.connectionString}&sslmode=verify-full`)).toBe('plain') // Sockets never are.
  })

  test('verify-ca and require with a certificate look at the authority, verify-full at the name, too', async () => {
    expect(await connected(at('127.0.0.1', `sslmode=verify-ca&sslrootcert=${ca}`))).toBe('encrypted')
    expect(await connected(at('localhost', `sslmode=verify-full&sslrootcert=${ca}`))).toBe('encrypted')
    for (const text of [
      at('127.0.0.1', `sslmode=verify-full&sslrootcert=${ca}`),
      at('127.0.0.1', 'sslmode=verify-ca'),
      at('127.0.0.1', `sslmode=require&sslrootcert=${join(server.root, 'server.crt')}`),
    ]) {
      await expect(connected(text), text).rejects.toMatchObject({
        code: 'POSTGRES_REFUSED',
        hint: expect.stringContaining('sslrootcert') as string,
      })
    }
    await expect(connected(at('127.0.0.1', 'sslrootcert=/nonexistent'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
  })
})

describe('passwords', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer({ major: 17, hba: ['local all strict scram-sha-256'] })
    await server.query("CREATE ROLE strict LOGIN PASSWORD 'r:ght'")
  })
  afterAll(() => server.remove())
  const text = (): string => `${server.connectionString}&user=strict`

  test('come from the connection string, from PGPASSWORD, or from the password file', async () => {
    const passFile = join(server.root, 'pass')
    writeFileSync(passFile, `${server.socketDirectory}:*:postgres:strict:r\\:ght\n`, { mode: 0o600 })
    expect(await connected(`${text()}&password=r:ght`)).toBe('plain')
    expect(await connected(text(), { PGPASSWORD: 'r:ght' })).toBe('plain')
    expect(await connected(text(), { PGPASSFILE: passFile })).toBe('plain')
    chmodSync(passFile, 0o644)
    await expect(connected(text(), { PGPASSFILE: passFile })).rejects.toMatchObject({
      hint: expect.stringContaining('chmod 600') as string,
    })
  })

  test('that are wrong are never shown', async () => {
    const error: unknown = await connected(text(), { PGPASSWORD: 'hunter2' }).catch(
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({ code: 'POSTGRES_REFUSED' })
    expect(JSON.stringify([error, String(error), error instanceof Error && error.stack])).not.toContain(
      'hunter2',
    )
  })
})

function makeCertificates(folder: string): void {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
  }
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=test authority',
    '-days',
    '2',
  )
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
    '-subj',
    '/CN=localhost',
  )
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost')
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-out',
    'server.crt',
    '-days',
    '2',
    '-extfile',
    'names',
  )
  const { uid, gid } = serverUser()
  for (const name of ['server.key', 'server.crt']) chownSync(join(folder, name), uid, gid)
  chmodSync(join(folder, 'server.key'), 0o600)
}
