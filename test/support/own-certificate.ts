/** A certificate for the loopback that is signed by itself, as servers of companies have them. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface OwnCertificate {
  readonly key: string
  readonly cert: string
}

export interface CertificateOptions {
  /** Below 0: it has expired. */
  readonly days?: number | undefined
  readonly name?: string | undefined
}

export async function makeCertificate({
  days = 2,
  name = 'IP:127.0.0.1',
}: CertificateOptions = {}): Promise<OwnCertificate> {
  const folder = await mkdtemp(join(tmpdir(), 'hf-cert-'))
  const [key, request, cert] = ['key', 'request', 'cert'].map(file => join(folder, `${file}.pem`)) as [
    string,
    string,
    string,
  ]
  try {
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    const names = ['-subj', '/CN=localhost', '-addext', `subjectAltName=${name}`]
    await run('openssl', ['req', ...kind, ...names, '-keyout', key, '-out', request])
    const sign = ['-req', '-in', request, '-signkey', key, '-copy_extensions', 'copy', '-days', String(days)]
    await run('openssl', ['x509', ...sign, '-out', cert])
    return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
