/** Tokens from where Google's libraries find them on a machine in the cloud: the metadata server, workload identity. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { MiB, pattern, read, signal, text } from '../../../test/contract/tools.ts'
import { openIssuer, type IssuerAnswers } from '../../../test/support/credential-issuer.ts'
import { startStrictGcs, type StrictGcs } from '../../../test/support/gcs-emulator-strict.ts'
import { makeCertificate, type OwnCertificate } from '../../../test/support/own-certificate.ts'
import { isFault } from '../../base/fault.ts'
import { systemWorld } from '../../base/world.ts'
import type { Storage } from '../storage.ts'
import { openGcsStorage } from './gcs.ts'

const folder = mkdtempSync(join(tmpdir(), 'hf-google-'))
let tls: OwnCertificate
/** What the storage lets in now. */
let good = 'good-1'
let server: StrictGcs

beforeAll(async () => {
  tls = await makeCertificate()
  server = await startStrictGcs({ tls, token: () => good })
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})
afterEach(() => {
  vi.unstubAllEnvs()
  good = 'good-1'
})

const current: IssuerAnswers = { token: () => ({ token: good, lastsSeconds: 3600 }) }

/** Nothing of this host is found but what the test names. */
async function open(environment: Readonly<Record<string, string>>): Promise<Storage> {
  const nothing = { HOME: folder, GOOGLE_APPLICATION_CREDENTIALS: undefined, NO_GCE_CHECK: undefined }
  for (const [name, value] of Object.entries({ ...nothing, ...environment })) vi.stubEnv(name, value)
  const access = { endpoint: server.endpoint, certificates: tls.cert }
  return openGcsStorage(new URL('gs://bucket/p'), { url: 'gs://bucket/p', access }, systemWorld())
}

const metadataOf = (url: string) => ({
  GCE_METADATA_HOST: new URL(url).host,
  METADATA_SERVER_DETECTION: 'assume-present',
})

test('the metadata server of the machine gives a token', async () => {
  await using machine = await openIssuer(current)
  const storage = await open(metadataOf(machine.url))
  expect(await storage.put('machine', text('x'), signal)).toBe('written')
  expect((await read(storage, 'machine')).toString()).toBe('x')
  const asked = machine.asked.filter(({ what }) => what.endsWith('/service-accounts/default/token'))
  expect(asked).toHaveLength(1)
  expect(asked[0]?.headers['metadata-flavor']).toBe('Google')
})

test('a token that ends in the middle is asked for anew, and the upload goes on', async () => {
  await using machine = await openIssuer({ token: () => ({ token: good, lastsSeconds: 1 }) })
  const storage = await open(metadataOf(machine.url))
  const bytes = pattern(40 * MiB)
  const writer = await storage.create('long', signal)
  for (let at = 0; at < bytes.length; at += MiB) {
    if (at === 20 * MiB) good = 'good-2'
    await writer.write(bytes.subarray(at, at + MiB))
  }
  expect(await writer.commit()).toBe('written')
  expect((await read(storage, 'long')).equals(bytes)).toBe(true)
})

test('a token that ends in the middle and is not given anew is a clear fault, and nothing is there', async () => {
  await using machine = await openIssuer({
    token: () => (good === 'good-1' ? { token: good, lastsSeconds: 1 } : undefined),
  })
  const storage = await open(metadataOf(machine.url))
  const writer = await storage.create('never', signal)
  await writer.write(pattern(20 * MiB))
  good = 'good-2'
  const rest = async (): Promise<unknown> => {
    await writer.write(pattern(20 * MiB))
    return writer.commit()
  }
  await expect(rest()).rejects.toSatisfy(error => isFault(error, 'STORAGE_CREDENTIALS'))
  await writer.abort().catch(() => undefined)
  await using other = await openIssuer(current)
  expect(await (await open(metadataOf(other.url))).stat('never', signal)).toBeUndefined()
})

test('a token that is withdrawn before its time is a clear fault', async () => {
  await using machine = await openIssuer({ token: () => ({ token: 'good-1', lastsSeconds: 3600 }) })
  const storage = await open(metadataOf(machine.url))
  await storage.put('before', text('x'), signal)
  good = 'good-2'
  await expect(storage.put('after', text('x'), signal)).rejects.toSatisfy(error =>
    isFault(error, 'STORAGE_CREDENTIALS'),
  )
})

test('a metadata server without an account is a fault of the credentials', async () => {
  await using machine = await openIssuer({ token: () => undefined })
  const storage = await open(metadataOf(machine.url))
  await expect(storage.stat('a', signal)).rejects.toSatisfy(error => isFault(error, 'STORAGE_CREDENTIALS'))
})

test('a workload identity is exchanged for a token, and not shown when that fails', async () => {
  let isKnown = true
  await using issuer = await openIssuer({
    token: () => (isKnown ? { token: good, lastsSeconds: 3600 } : undefined),
  })
  const [source, file] = [join(folder, 'subject'), join(folder, 'workload.json')]
  writeFileSync(source, 'a-signed-web-token')
  writeFileSync(
    file,
    JSON.stringify({
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/own',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${issuer.url}/v1/token`,
      credential_source: { file: source },
    }),
  )
  const environment = { GOOGLE_APPLICATION_CREDENTIALS: file }
  const storage = await open(environment)
  expect(await storage.put('workload', text('x'), signal)).toBe('written')
  expect(issuer.asked[0]?.form).toMatchObject({ subject_token: 'a-signed-web-token' })
  isKnown = false
  const error: unknown = await (await open(environment)).stat('a', signal).catch((thrown: unknown) => thrown)
  expect(isFault(error, 'STORAGE_CREDENTIALS')).toBe(true)
  expect(String(error)).not.toContain('a-signed-web-token')
})
