/**
 * Signatures of what is told of a drill: of the report, and of the page. Each holds its signature at its end, over all bytes
 * before it, and the public key: who wants to be sure compares that with one known beforehand.
 */
import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { assert } from '../../../base/assert.ts'
import { Fault } from '../../../base/fault.ts'
import { drillKey, encodeDrillReport } from '../../../repository/format/drill-json.ts'
import type { DrillReport, DrillSignature } from '../../../repository/format/drill-record.ts'

/** The key of a host. */
export interface SigningKey {
  readonly secret: KeyObject
  /** SubjectPublicKeyInfo in base64. */
  readonly public: string
}

/** The same public key in few characters, to compare by eye; as OpenSSH shows those of its own. */
export function fingerprintOf(key: string): string {
  const digest = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64')
  return `SHA256:${digest.replace(/=+$/, '')}`
}

export function publicKeyOf(secret: KeyObject): string {
  return createPublicKey(secret).export({ format: 'der', type: 'spki' }).toString('base64')
}

const reportStart = ',\n  "signature": '

export function signReport(report: Omit<DrillReport, 'signature'>, key: SigningKey): Uint8Array {
  const { signature: _, ...bare } = report as DrillReport
  const empty = { algorithm: 'ed25519', key: key.public, value: `${'A'.repeat(86)}==` } as const
  const unsigned = bytesBefore(encodeDrillReport({ ...bare, signature: empty }), reportStart)
  assert(unsigned !== undefined, 'a report with a signature has one')
  return encodeDrillReport({ ...bare, signature: signatureOver(unsigned, key) })
}

const pageStart = '<!-- holdfast drill '
const pageLine = /^<!-- holdfast drill (ed25519) (\S{60}) (\S{88}) -->\n?$/

/** In a comment at the end, where a browser passes over it. */
export function signPage(page: string, key: SigningKey): Uint8Array {
  const bytes = Buffer.from(page)
  const { algorithm, key: publicKey, value } = signatureOver(bytes, key)
  return Buffer.concat([bytes, Buffer.from(`${pageStart}${algorithm} ${publicKey} ${value} -->\n`)])
}

function signatureOver(bytes: Uint8Array, { secret, public: key }: SigningKey): DrillSignature {
  return { algorithm: 'ed25519', key, value: sign(null, bytes, secret).toString('base64') }
}

/** Nothing may follow but the checksum: of two fields of one name, JSON takes the last. */
const reportEnd =
  /^,\n {2}"signature": \{\n {4}"algorithm": "ed25519",\n {4}"key": "(\S{60})",\n {4}"value": "(\S{88})"\n {2}\}(,\n {2}"crc32": "[0-9a-f]{8}")?\n\}\n?$/

/** What `file` is called stands in the fault. Returns the key that signed it; SIGNATURE_INVALID when none did. */
export function checkReportSignature(bytes: Uint8Array, file: string): string {
  const signed = bytesBefore(bytes, reportStart)
  const [, key = '', value = ''] = endOf(bytes, signed, reportEnd)
  if (!signed || key === '') throw unsigned(file)
  return checked(signed, { algorithm: 'ed25519', key, value }, file)
}

export function checkPageSignature(bytes: Uint8Array, file: string): string {
  const signed = bytesBefore(bytes, pageStart)
  const [, , key = '', value = ''] = endOf(bytes, signed, pageLine)
  if (!signed || key === '') throw unsigned(file)
  return checked(signed, { algorithm: 'ed25519', key, value }, file)
}

function checked(signed: Uint8Array, { key, value }: DrillSignature, file: string): string {
  if (!isSignedBy(signed, key, value))
    throw new Fault('SIGNATURE_INVALID', `${file} was changed: its signature does not fit what it says`, {
      hint: 'Do not rely on it; take the report from a repository with holdfast drill show ID, and find out who changed this one.',
    })
  return key
}

function isSignedBy(signed: Uint8Array, key: string, value: string): boolean {
  try {
    const publicKey = createPublicKey({
      key: Buffer.from(drillKey(key, ''), 'base64'),
      format: 'der',
      type: 'spki',
    })
    return verify(null, signed, publicKey, Buffer.from(value, 'base64'))
  } catch {
    // No key at all, or no point of the curve.
    return false
  }
}

function bytesBefore(bytes: Uint8Array, start: string): Uint8Array | undefined {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).lastIndexOf(start)
  return at < 0 ? undefined : bytes.subarray(0, at)
}

function endOf(bytes: Uint8Array, signed: Uint8Array | undefined, pattern: RegExp): readonly string[] {
  return (signed && pattern.exec(Buffer.from(bytes.subarray(signed.length)).toString('latin1'))) ?? []
}

const unsigned = (file: string): Fault =>
  new Fault('SIGNATURE_INVALID', `${file} has no signature`, {
    hint: 'Give a report or a page as holdfast drill made it, whole and unchanged.',
  })
