/** What the repository in test/vectors/repository holds: bytes that can be made anew to compare with. */
import { createHash } from 'node:crypto'

/** Some, none, exactly one frame and over three frames; a name that needs a pax record. */
export const vectorFiles: readonly { readonly path: string; readonly sizeBytes: number }[] = [
  { path: 'PG_VERSION', sizeBytes: 3 },
  { path: 'base/5/1259', sizeBytes: 8192 * 14 },
  { path: 'base/5/1259_empty', sizeBytes: 0 },
  { path: 'base/5/16384', sizeBytes: 1 << 20 },
  { path: 'base/5/16385', sizeBytes: 8192 * 300 },
  { path: `pg_tblspc/16500/PG_15_202209061/5/naïve-${'long'.repeat(30)}`, sizeBytes: 700 },
  { path: 'global/pg_control', sizeBytes: 8192 },
]

export const vectorWal = [
  '000000010000000000000001',
  '000000010000000000000002',
  '000000010000000000000002.00000028.backup',
  '000000010000000000000003.partial',
  '00000002.history',
] as const

/** Lines that name themselves, so that they compress well and a wrong place shows. */
export function vectorBytes(name: string, sizeBytes: number): Buffer {
  const digest = createHash('sha256').update(name).digest('hex')
  const lines = Array.from({ length: Math.ceil(sizeBytes / 16) }, (_, i) => {
    const at = i.toString(16).padStart(7, '0')
    return `${digest.slice(0, 8)}${at}\n`
  })
  return Buffer.from(lines.join('')).subarray(0, sizeBytes)
}

export const vectorWalSizeBytes = (name: string): number =>
  /^[0-9A-F]{24}(\.partial)?$/.test(name) ? 1 << 20 : 200

export const vectorSystemIdentifier = '7481234567890123456'
