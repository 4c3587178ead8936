/** docs/format.md is the law; what it shows has to be true. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { limits } from '../src/base/limits.ts'
import { encodeSeekTable } from '../src/pipeline/seekable.ts'
import {
  decodeManifestDirectory,
  decodeManifestFile,
  manifestEnd,
  manifestMiddle,
  parseManifestOpening,
} from '../src/repository/format/manifest-lines.ts'
import { decodeWalHead, encodeWalHead } from '../src/repository/format/wal-head.ts'
import {
  catalogFolder,
  dumpCatalogFolder,
  leaseFolder,
  locksFolder,
  walKey,
} from '../src/repository/layout.ts'

const document = readFileSync(new URL('../docs/format.md', import.meta.url), 'utf8')
const vector = (name: string): string =>
  readFileSync(new URL(`vectors/records/${name}.json`, import.meta.url), 'utf8')

function example(name: string): string {
  const text = document.split(`\`\`\`json ${name}\n`)[1]?.split('```')[0]
  if (text === undefined) throw new Error(`docs/format.md shows ${name}`)
  return text
}

describe('docs/format.md', () => {
  test.each([
    ['holdfast.json', 'repository'],
    ['cluster.json', 'cluster'],
    ['backup.json', 'backup'],
    ['dump.json', 'dump'],
    ['dump-contents', 'dump-contents'],
    ['managed', 'managed'],
    ['catalog', 'catalog'],
    ['dump-catalog', 'dump-catalog'],
    ['locks', 'locks'],
    ['kept', 'kept'],
    ['hold', 'hold'],
    ['expiry', 'expiry'],
    ['erasure', 'erasure'],
    ['erasure-statements', 'erasure-statements'],
    ['withdrawal', 'withdrawal'],
    ['withdrawal-reason', 'withdrawal-reason'],
    ['erasures-applied', 'erasures-applied'],
    ['lease', 'lease'],
    ['drill.json', 'drill'],
    ['drill-report', 'drill-report'],
  ])('shows %s as it is written', (shown, name) => {
    expect(example(shown)).toBe(vector(name))
  })

  test('shows the part of a snapshot as it is written', () => {
    const { snapshot } = JSON.parse(vector('snapshot')) as { snapshot: unknown }
    expect(JSON.parse(example('snapshot'))).toEqual(snapshot)
  })

  test.each(['snapshot', 'dump', 'managed', 'drill', 'drill-report'])(
    'names every field of a %s in its table',
    name => {
      const record = JSON.parse(vector(name)) as Record<string, unknown>
      for (const field of Object.keys(record))
        expect(document, field).toMatch(new RegExp(`\`[a-zA-Z.]*\\b${field}\\b`))
    },
  )

  test('shows a manifest that is read line by line, and is one JSON document', () => {
    const lines = example('manifest').trimEnd().split('\n')
    const middle = lines.indexOf(manifestMiddle)
    expect(parseManifestOpening(lines[0] ?? '')).toBe('20260301T020000Z-full')
    expect(lines.slice(1, middle).map(decodeManifestDirectory)).toEqual([
      { path: 'base', mode: 0o700 },
      { path: 'base/5', mode: 0o700 },
    ])
    const files = lines.slice(middle + 1, -1).map(decodeManifestFile)
    expect(files.map(file => file?.path)).toEqual(['base/5/1259', 'global/pg_control'])
    expect(lines.at(-1)).toBe(manifestEnd)
    expect(() => JSON.parse(lines.join('\n')) as unknown).not.toThrow()
  })

  test('shows a WAL head that is one', () => {
    const [type = '', ...args] = /^holdfast\.dev\/wal .*$/m.exec(document)?.[0].split(' ') ?? []
    const head = decodeWalHead([{ type, args }], 'the example')
    expect(encodeWalHead(head)).toEqual({ type, args })
    expect(walKey('<cluster>', head.name, '.zst')).toContain('/wal/00000001/00000016/')
  })

  test('says where each part of a seek table lies', () => {
    const table = Buffer.from(
      encodeSeekTable([
        { storedBytes: 3, rawBytes: 5 },
        { storedBytes: 7, rawBytes: 11 },
      ]),
    )
    const n = 2
    expect(table.readUInt32LE(0)).toBe(0x184d2a5e)
    expect(table.readUInt32LE(4)).toBe(8 * n + 9)
    expect([table.readUInt32LE(8 + 8), table.readUInt32LE(12 + 8)]).toEqual([7, 11])
    expect(table.readUInt32LE(8 + 8 * n)).toBe(n)
    expect(table.readUInt8(12 + 8 * n)).toBe(0)
    expect(table.readUInt32LE(13 + 8 * n)).toBe(0x8f92eab1)
    expect(table).toHaveLength(17 + 8 * n)
  })

  test('tells the limits that the program has', () => {
    expect(limits.frameSizeBytesMax).toBe(1_048_576)
    expect(limits.ageChunkSizeBytes + 16).toBe(65_552)
    expect(limits.packSizeBytesTarget).toBe(2 ** 30)
    expect(limits.packFilesMax).toBe(100_000)
    expect(limits.recordSizeBytesMax).toBe(64 * 2 ** 20)
    expect(limits.manifestLineSizeBytesMax).toBe(64 * 2 ** 10)
    expect(limits.corruptPagesListedMax).toBe(10_000)
    expect([limits.leaseRenewMs, limits.leaseGiveUpMs, limits.leaseTtlMs]).toEqual([15_000, 45_000, 60_000])
    expect(limits.leaseClockSkewMsMax).toBe(5 * 60_000)
    expect([limits.sweepGraceMs, limits.sweepAwaitingGraceMs]).toEqual([86_400_000, 7 * 86_400_000])
    expect(leaseFolder('c', 'backup')).toBe('c/leases/backup')
    expect([limits.catalogNewerMax, limits.catalogOthersMsMax]).toEqual([16, 30 * 86_400_000])
    expect([catalogFolder('c'), dumpCatalogFolder('c')]).toEqual(['c/catalog', 'c/dump-catalog'])
    expect(locksFolder('c')).toBe('c/locks')
  })
})
