/**
 * Who we are to Azure, ending while a backup is being made: a token of a managed identity that is renewed is no trouble; one
 * that is not, and a SAS that ends, end the backup with a fault that says so, and nothing is committed.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlobServiceClient, ContainerSASPermissions } from '@azure/storage-blob'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { azureTokenFor } from './support/azure-token.ts'
import { startAzurite, type AzuriteServer } from './support/azurite-server.ts'
import { openIssuer } from './support/credential-issuer.ts'
import { describeRun, jsonOf, type Run } from './support/holdfast.ts'
import { makeCertificate } from './support/own-certificate.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf } from './support/restored-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'hf-azure-'))
/** The clock by which Azure's libraries and azurite go is the real one; the backup is made to take longer than this. */
const lastsSeconds = 4
const limits = { network: '1MiB/s' }

let azurite: AzuriteServer
let container: string
let lab: Lab

beforeAll(async () => {
  // Whoever runs the server reads the certificate.
  chmodSync(folder, 0o755)
  const { key, cert } = await makeCertificate()
  const [keyPath, certPath] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  writeFileSync(keyPath, key)
  writeFileSync(certPath, cert, { mode: 0o644 })
  azurite = await startAzurite({ tls: { keyPath, certPath } })
  const { setDefaultCACertificates, getCACertificates } = await import('node:tls')
  setDefaultCACertificates([...getCACertificates('default'), cert])
  container = await azurite.makeContainer()
  lab = await openLab({
    major: 15,
    build: 'debian',
    config: { workers: 2 },
    repositories: encryption => ({
      main: {
        url: `az://${container}/pg`,
        endpoint: azurite.endpoint,
        ca_file: certPath,
        credentials: { key: azurite.connectionString },
        encryption,
      },
    }),
  })
  await lab.server.query(
    `CREATE TABLE t AS SELECT n, sha512(n::text::bytea) AS a FROM generate_series(1, 100000) n`,
  )
})
afterAll(async () => {
  await lab[Symbol.asyncDispose]()
  await azurite.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** The repository as another host has it: slow, and with other credentials. */
function configFor(name: string, credentials: { readonly key: string } | undefined): string {
  const { credentials: _, ...main } = lab.config.repositories['main'] ?? {}
  return lab.writeConfig(name, {
    limits,
    repositories: { main: credentials ? { ...main, credentials } : main },
  })
}

const idsListed = async (): Promise<readonly string[]> =>
  (await lab.json<readonly BackupRecord[]>(['list'])).map(({ id }) => id)

/**
 * A backup as a machine with an identity makes it. Its service gives what ends at one moment to all who ask before it, as
 * Azure's does; and what lasts to those who ask after it, or nothing.
 */
async function backupPastToken(isRenewed: boolean): Promise<{ run: Run; renewals: number }> {
  const endsMs = Date.now() + lastsSeconds * 1000
  let renewals = 0
  await using host = await openIssuer({
    token() {
      const leftSeconds = Math.ceil((endsMs - Date.now()) / 1000)
      if (leftSeconds > 0) return { token: azureTokenFor(leftSeconds), lastsSeconds: leftSeconds }
      renewals++
      return isRenewed ? { token: azureTokenFor(3600), lastsSeconds: 3600 } : undefined
    },
  })
  const environment = { IDENTITY_ENDPOINT: `${host.url}/msi/token`, IDENTITY_HEADER: 'a-secret-header' }
  const config = configFor('identity.yaml', undefined)
  const run = await lab.run(['--config', config, 'backup', '--json'], { environment })
  expect(run.out + run.err).not.toContain('a-secret-header')
  return { run, renewals }
}

async function expectNothingCommitted(backup: () => Promise<Run>): Promise<void> {
  const before = await idsListed()
  const run = await backup()
  const { code, message, hint } = faultOf(run)
  expect([run.status, code], describeRun(run)).toEqual([33, 'STORAGE_CREDENTIALS'])
  expect(message).toContain(`az://${container}/pg`)
  expect(hint).toMatch(/^[A-Z`].*[.)]$/s)
  expect(await idsListed()).toEqual(before)
}

test('a token that ends and is not given anew ends the backup, and nothing is committed', () =>
  expectNothingCommitted(async () => (await backupPastToken(false)).run))

test('so does a SAS that ends, which is told to nobody', () =>
  expectNothingCommitted(async () => {
    const client = BlobServiceClient.fromConnectionString(azurite.connectionString)
    const sas = new URL(
      await client.getContainerClient(container).generateSasUrl({
        permissions: ContainerSASPermissions.parse('racwdl'),
        expiresOn: new Date(Date.now() + lastsSeconds * 1000),
      }),
    )
    const config = configFor('sas.yaml', { key: sas.search })
    const run = await lab.run(['--config', config, 'backup', '--json'])
    expect(run.out + run.err).not.toContain(sas.searchParams.get('sig') ?? 'sig=')
    expect(run.out + run.err).not.toContain('sig=')
    return run
  }))

test('a token that is renewed is no trouble, and all that is stored is whole', async () => {
  const { run, renewals } = await backupPastToken(true)
  expect(run.status, describeRun(run)).toBe(0)
  expect(run.durationMs).toBeGreaterThan(lastsSeconds * 1000)
  expect(renewals).toBeGreaterThan(0)
  expect(await idsListed()).toEqual([jsonOf<BackupRecord>(run).id])
  await lab.ok(['verify'])
})
