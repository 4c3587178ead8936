/**
 * `status` of repositories behind a server whose certificate, of its own authority, ends in two days, with credentials that
 * end within the hour. The server refuses everything: what ends is told also of repositories that can not be read.
 */
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { StatusReport } from '../src/operations/status/status.ts'
import { describeRun, jsonOf, startHoldfast } from './support/holdfast.ts'
import { makeCertificate } from './support/own-certificate.ts'
import { serverUser } from './support/postgres-binaries.ts'

const folder = mkdtempSync(join(tmpdir(), 'hf-endings-'))
const configPath = join(folder, 'holdfast.yaml')
const inMinutes = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString()
let server: Server
let host: string

beforeAll(async () => {
  const own = await makeCertificate()
  server = createServer(own, (request, response) => {
    request.resume().on('end', () => response.writeHead(403).end())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  host = `127.0.0.1:${String(typeof address === 'object' ? address?.port : address)}`
  const caFile = join(folder, 'ca.pem')
  const shared = { endpoint: `https://${host}`, ca_file: caFile, encryption: 'none' }
  const sas = `sv=2024-11-04&sr=c&sp=rl&se=${inMinutes(2 * 24 * 60)}&sig=c2VjcmV0`
  write(caFile, own.cert)
  write(join(folder, 'sas'), sas)
  write(
    configPath,
    stringify({
      cluster: 'gathr',
      postgres: { connection: 'postgresql://nobody@/postgres?host=/nowhere' },
      repositories: {
        main: { url: 's3://backups', region: 'eu-central-1', ...shared },
        second: { url: 'az://backups', credentials: { key: { file: join(folder, 'sas') } }, ...shared },
      },
    }),
  )
  const { uid, gid } = serverUser()
  chownSync(folder, uid, gid)
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
  rmSync(folder, { recursive: true, force: true })
})

function write(path: string, text: string): void {
  const { uid, gid } = serverUser()
  writeFileSync(path, text)
  chownSync(path, uid, gid)
}

async function toldWith(environment: Readonly<Record<string, string>>): Promise<StatusReport['findings']> {
  const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }
  const run = await startHoldfast(['--config', configPath, 'status', '--json'], {
    environment: { ...keys, ...environment },
  }).ended
  expect(run.status, describeRun(run)).toBe(3)
  return jsonOf<StatusReport>(run).findings
}

const linesOf = (findings: StatusReport['findings']): readonly string[] =>
  findings.map(({ code, state, repository, subject }) => [code, state, repository, subject].join(' '))

test('certificates and credentials that are about to end are told', { timeout: 120_000 }, async () => {
  const session = { AWS_SESSION_TOKEN: 'token', AWS_CREDENTIAL_EXPIRATION: inMinutes(30) }
  const findings = await toldWith(session)
  expect(linesOf(findings).toSorted()).toEqual([
    `certificate-expires critical main ${host}`,
    `certificate-expires critical second ${host}`,
    'credentials-expire critical second ',
    'credentials-expire warning main ',
    'repository-unreachable critical main ',
    'repository-unreachable warning second ',
    'server-unreachable warning  ',
  ])
  const certificate = findings.find(({ code }) => code === 'certificate-expires')
  expect(certificate?.message).toMatch(/^the certificate of 127\.0\.0\.1:\d+ ends in (2d 00h|47h \d\dm), at /)
  expect(JSON.stringify(findings)).not.toContain('c2VjcmV0')
})

test('a session that lasts, and keys without an end, are not', { timeout: 120_000 }, async () => {
  const lasting = { AWS_SESSION_TOKEN: 'token', AWS_CREDENTIAL_EXPIRATION: inMinutes(180) }
  for (const environment of [lasting, {}])
    expect(
      linesOf(await toldWith(environment)).filter(line => line.startsWith('credentials-expire')),
    ).toEqual(['credentials-expire critical second '])
})
