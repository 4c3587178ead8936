/** Tokens of a managed identity, from a service on the loopback as Azure's hosts have it, used on azurite over TLS. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { MiB, read, signal, text } from '../../../test/contract/tools.ts'
import { azureTokenFor } from '../../../test/support/azure-token.ts'
import { startAzurite, type AzuriteServer } from '../../../test/support/azurite-server.ts'
import { openIssuer, type CredentialIssuer } from '../../../test/support/credential-issuer.ts'
import { makeCertificate } from '../../../test/support/own-certificate.ts'
import { isFault } from '../../base/fault.ts'
import { systemWorld } from '../../base/world.ts'
import { openStorage } from '../open.ts'
import type { Storage } from '../storage.ts'

const folder = mkdtempSync(join(tmpdir(), 'hf-azure-'))
let certificates: string
let server: AzuriteServer
let container: string
/** One for all tests: the SDK remembers for the whole process where it found the first, and asks nowhere else. */
let host: CredentialIssuer
/** What it gives. */
let issue: () => { readonly token: string; readonly lastsSeconds: number } | undefined = () => undefined

beforeAll(async () => {
  const { key, cert } = await makeCertificate()
  const [keyPath, certPath] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  writeFileSync(keyPath, key)
  writeFileSync(certPath, cert)
  certificates = cert
  server = await startAzurite({ tls: { keyPath, certPath } })
  const { setDefaultCACertificates, getCACertificates } = await import('node:tls')
  setDefaultCACertificates([...getCACertificates('default'), cert])
  container = await server.makeContainer()
  host = await openIssuer({ token: () => issue() })
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})
afterEach(() => vi.unstubAllEnvs())

const forSeconds = (lastsSeconds: number) => ({ token: azureTokenFor(lastsSeconds), lastsSeconds })

let count = 0

function open(): Promise<Storage> {
  const nothing = {
    // Each its own identity: the SDK keeps tokens for the whole process.
    AZURE_CLIENT_ID: `identity-${String(++count)}`,
    AZURE_TENANT_ID: undefined,
    AZURE_FEDERATED_TOKEN_FILE: undefined,
  }
  const environment = {
    ...nothing,
    IDENTITY_ENDPOINT: `${host.url}/msi/token`,
    IDENTITY_HEADER: 'a-secret-header',
  }
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  const access = { endpoint: server.endpoint, certificates }
  return openStorage({ url: `az://${container}/p`, access }, systemWorld())
}

async function expectCredentialsFault(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.catch((thrown: unknown) => thrown)
  expect(isFault(error, 'STORAGE_CREDENTIALS'), String(error)).toBe(true)
  expect(String(error)).not.toContain('a-secret-header')
  return String(error)
}

test('a managed identity gives a token', async () => {
  issue = () => forSeconds(3600)
  const storage = await open()
  expect(await storage.put('a', text('x'), signal)).toBe('written')
  expect((await read(storage, 'a')).toString()).toBe('x')
  expect(host.asked).toHaveLength(1)
  expect(host.asked[0]?.query['resource']).toBe('https://storage.azure.com')
  expect(host.asked[0]?.headers['x-identity-header']).toBe('a-secret-header')
  await storage.close()
})

describe('a token that ends in the midst of an upload', () => {
  /** Past the end of the first token: parts before and after it, several of them at a time. */
  async function uploadPast(storage: Storage, key: string): Promise<'written' | 'taken'> {
    const writer = await storage.create(key, signal)
    await writer.write(Buffer.alloc(9 * MiB))
    // Real time, by which the SDK goes.
    await delay(3_500)
    await writer.write(Buffer.alloc(30 * MiB))
    return writer.commit()
  }

  test('is asked for anew, once for all parts', async () => {
    const lives = [3, 3600]
    const before = host.asked.length
    issue = () => forSeconds(lives.shift() ?? 3600)
    const storage = await open()
    expect(await uploadPast(storage, 'long')).toBe('written')
    expect(host.asked.length - before).toBe(2)
    expect((await read(storage, 'long')).length).toBe(39 * MiB)
    await storage.close()
  })

  test('and is not given anew, is a clear fault, and nothing is there', async () => {
    const first = [forSeconds(3)]
    issue = () => first.shift()
    const storage = await open()
    const message = await expectCredentialsFault(uploadPast(storage, 'never'))
    expect(message).toMatch(/nobody gives a token; .*ManagedIdentityCredential: .*nobody may have one/)
    await storage.close()
    issue = () => forSeconds(3600)
    const later = await open()
    expect(await later.stat('never', signal)).toBeUndefined()
    await later.close()
  })
})

test('one that ended before its time, and an identity that gives none, are clear faults', async () => {
  for (const given of [{ token: azureTokenFor(-1), lastsSeconds: 3600 }, undefined]) {
    issue = () => given
    const storage = await open()
    await expectCredentialsFault(storage.put('never', text('x'), signal))
    await storage.close()
  }
})
