/**
 * A Google token that ends while a backup is being made: renewed by the metadata server, the backup ends well; not renewed, it
 * ends with a fault that says so, and commits nothing.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { openIssuer, type CredentialIssuer } from './support/credential-issuer.ts'
import { startStrictGcs, type StrictGcs, type StrictRequest } from './support/gcs-emulator-strict.ts'
import { describeRun, jsonOf, type Run } from './support/holdfast.ts'
import { makeCertificate } from './support/own-certificate.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf } from './support/restored-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'hf-google-'))
/** What the storage lets in. */
const accepted = new Set(['archiver'])
let count = 0
let server: StrictGcs
let machine: CredentialIssuer
let lab: Lab

beforeAll(async () => {
  // Whoever runs the server reads the certificate.
  chmodSync(folder, 0o755)
  const tls = await makeCertificate()
  const certPath = join(folder, 'cert.pem')
  writeFileSync(certPath, tls.cert, { mode: 0o644 })
  server = await startStrictGcs({
    tls,
    token: request => (accepted.has(tokenOf(request)) ? tokenOf(request) : 'none'),
  })
  machine = await openIssuer({ token: () => ({ token: 'archiver', lastsSeconds: 3600 }) })
  lab = await openLab({
    major: 15,
    build: 'debian',
    environment: environmentOf(machine),
    config: { workers: 2, wal: { push_ahead: 0 } },
    repositories: encryption => ({
      main: { url: 'gs://bucket/pg', endpoint: server.endpoint, ca_file: certPath, encryption },
    }),
  })
  // Text that hardly compresses: both workers have a pack to send.
  await lab.server.query(
    `CREATE TABLE t AS SELECT n, sha512(n::text::bytea) AS a, sha512((-n)::text::bytea) AS b
       FROM generate_series(1, 60000) n`,
  )
})
afterAll(async () => {
  await lab[Symbol.asyncDispose]()
  await machine[Symbol.asyncDispose]()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const environmentOf = ({ url }: CredentialIssuer) => ({
  HOME: folder,
  GCE_METADATA_HOST: new URL(url).host,
  METADATA_SERVER_DETECTION: 'assume-present',
})

const tokenOf = ({ headers }: StrictRequest): string =>
  (headers['authorization'] ?? '').replace('Bearer ', '')
const isPack = ({ path, headers }: StrictRequest): boolean =>
  path.startsWith('/upload/') && Number(headers['content-length']) > 1_000_000
const isCommit = ({ path, query }: StrictRequest): boolean =>
  path.startsWith('/upload/') && query['name']?.endsWith('/backup.json') === true

interface Ended {
  readonly run: Run
  /** Its first token, and the one that would follow. */
  readonly tokens: readonly [string, string]
}

/** A backup on a host of its own, whose token ends when a pack is on its way. */
async function backupPastToken(isRenewed: boolean): Promise<Ended> {
  const tokens = [`token-${String(++count)}`, `token-${String(++count)}`] as const
  const [first, second] = tokens
  let hasEnded = false
  for (const token of tokens) accepted.add(token)
  server.trouble(request => {
    hasEnded ||= isPack(request) && tokenOf(request) === first
    // What was on its way with it has arrived.
    if (isCommit(request)) accepted.delete(first)
    return undefined
  })
  // A token that ends so soon is asked for anew before each request.
  const given = (): string | undefined => (hasEnded ? (isRenewed ? second : undefined) : first)
  await using host = await openIssuer({
    token() {
      const token = given()
      return token === undefined ? undefined : { token, lastsSeconds: 1 }
    },
  })
  const run = await lab.run(['backup', '--json'], { environment: environmentOf(host) })
  server.trouble(() => undefined)
  expect(hasEnded, describeRun(run)).toBe(true)
  for (const token of tokens) expect(run.out + run.err).not.toContain(token)
  return { run, tokens }
}

const idsListed = async (): Promise<readonly string[]> =>
  (await lab.json<readonly BackupRecord[]>(['list'])).map(({ id }) => id)
test('one that is not given anew ends the backup with a fault of the credentials, and nothing is committed', async () => {
  const before = await idsListed()
  const { run } = await backupPastToken(false)
  const { code, message, hint } = faultOf(run)
  expect([run.status, code], describeRun(run)).toEqual([33, 'STORAGE_CREDENTIALS'])
  expect(message).toContain('gs://bucket/pg')
  expect(hint).toMatch(/^[A-Z`].*[.)]$/s)
  expect(await idsListed()).toEqual(before)
})

test('one that is renewed is no trouble, and all that is stored is whole', async () => {
  await lab.archiveAll()
  const { run, tokens } = await backupPastToken(true)
  expect(run.status, describeRun(run)).toBe(0)
  expect(server.requests.filter(isCommit).map(tokenOf)).toEqual([tokens[1]])
  expect(await idsListed()).toEqual([jsonOf<BackupRecord>(run).id])
  await lab.ok(['verify'])
})
