import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isFault, type FaultCode } from '../../base/fault.ts'
import { encodeBackupRecord, parseBackupRecord } from './backup-json.ts'
import type { BackupRecord } from './backup-record.ts'
import {
  encodeCatalogIndex,
  encodeDrillIndex,
  encodeDumpIndex,
  parseCatalogIndex,
  parseDrillIndex,
  parseDumpIndex,
} from './catalog-index.ts'
import {
  encodeClusterRecord,
  encodeRepositoryRecord,
  parseClusterRecord,
  parseRepositoryRecord,
} from './cluster-record.ts'
import { encodeDrillRecord, encodeDrillReport, parseDrillRecord, parseDrillReport } from './drill-json.ts'
import { encodeDumpRecord, parseDumpRecord } from './dump-json.ts'
import {
  appliedCodec,
  erasureCodec,
  erasureSecretCodec,
  withdrawalCodec,
  withdrawalSecretCodec,
  type RecordCodec,
} from './erasure-record.ts'
import { encodeExpiryNote, parseExpiryNote } from './expiry-note.ts'
import { encodeHoldRecord, parseHoldRecord } from './hold-record.ts'
import { encodeKeptRecord, parseKeptRecord } from './kept-record.ts'
import { encodeLeaseRecord, parseLeaseRecord } from './lease-record.ts'
import { encodeManagedRecord, parseManagedRecord } from './managed-json.ts'
import { encodeLockNote, parseLockNote } from './lock-note.ts'

const vector = (name: string): Buffer =>
  readFileSync(new URL(`../../../test/vectors/records/${name}`, import.meta.url))
const through =
  <T>(codec: RecordCodec<T>) =>
  (bytes: Uint8Array): Uint8Array =>
    codec.encode(codec.parse(bytes, 'a record'))
const roundTrip = {
  backup: (bytes: Uint8Array) => encodeBackupRecord(parseBackupRecord(bytes, 'backup.json')),
  dump: (bytes: Uint8Array) => encodeDumpRecord(parseDumpRecord(bytes, 'dump.json')),
  snapshot: (bytes: Uint8Array) => encodeBackupRecord(parseBackupRecord(bytes, 'backup.json')),
  managed: (bytes: Uint8Array) => encodeManagedRecord(parseManagedRecord(bytes, 'a record')),
  repository: (bytes: Uint8Array) => encodeRepositoryRecord(parseRepositoryRecord(bytes, 'holdfast.json')),
  cluster: (bytes: Uint8Array) => encodeClusterRecord(parseClusterRecord(bytes, 'cluster.json')),
  lease: (bytes: Uint8Array) => encodeLeaseRecord(parseLeaseRecord(bytes, 'a lease')),
  catalog: (bytes: Uint8Array) => encodeCatalogIndex(parseCatalogIndex(bytes, 'an index')),
  'dump-catalog': (bytes: Uint8Array) => encodeDumpIndex(parseDumpIndex(bytes, 'an index')),
  drill: (bytes: Uint8Array) => encodeDrillRecord(parseDrillRecord(bytes, 'drill.json')),
  'drill-report': (bytes: Uint8Array) => encodeDrillReport(parseDrillReport(bytes, 'a report')),
  'drill-catalog': (bytes: Uint8Array) => encodeDrillIndex(parseDrillIndex(bytes, 'an index')),
  kept: (bytes: Uint8Array) => encodeKeptRecord(parseKeptRecord(bytes, 'a note')),
  locks: (bytes: Uint8Array) => encodeLockNote(parseLockNote(bytes, 'a note')),
  hold: (bytes: Uint8Array) => encodeHoldRecord(parseHoldRecord(bytes, 'a hold')),
  expiry: (bytes: Uint8Array) => encodeExpiryNote(parseExpiryNote(bytes, 'a note')),
  erasure: through(erasureCodec),
  'erasure-statements': through(erasureSecretCodec),
  withdrawal: through(withdrawalCodec),
  'withdrawal-reason': through(withdrawalSecretCodec),
  'erasures-applied': through(appliedCodec),
}
type RecordName = keyof typeof roundTrip
const names: readonly RecordName[] = [
  'backup',
  'snapshot',
  'dump',
  'managed',
  'repository',
  'cluster',
  'lease',
  'catalog',
  'dump-catalog',
  'locks',
  'kept',
  'hold',
  'expiry',
  'drill',
  'drill-report',
  'drill-catalog',
  'erasure',
  'erasure-statements',
  'withdrawal',
  'withdrawal-reason',
  'erasures-applied',
]

/** Fields that may be absent: earlier versions did not write them, or they are added last. */
const added: ReadonlyMap<RecordName, string> = new Map([
  ['locks', 'dumps'],
  ['drill-report', 'signature'],
])

interface Damage {
  readonly record: RecordName
  readonly change: Readonly<Record<string, unknown>>
  readonly code: FaultCode
  readonly says: string
}
const damages = JSON.parse(vector('damaged.json').toString()) as readonly Damage[]

describe('records of the repository', () => {
  test.each(names)('the good %s record is read and written again byte for byte', name => {
    const bytes = vector(`${name}.json`)
    expect(Buffer.from(roundTrip[name](bytes)).toString()).toBe(bytes.toString())
  })

  test.each(damages)('a $record record with $change is refused', ({ record, change, code, says }) => {
    const value: unknown = JSON.parse(vector(`${record}.json`).toString())
    for (const [path, wrong] of Object.entries(change)) setAt(value, path.split('.'), wrong)
    const error = thrownBy(() => roundTrip[record](Buffer.from(JSON.stringify(value))))
    expect(error).toSatisfy(thrown => isFault(thrown, code))
    expect(String(error)).toContain(says)
  })

  test.each(names)('a %s record without one of its fields is refused, whichever it is', name => {
    const good = JSON.parse(vector(`${name}.json`).toString()) as Record<string, unknown>
    for (const field of Object.keys(good)) {
      // Who mends a record by hand in the night need not know how to sum it.
      if (field === 'crc32' || added.get(name) === field) continue
      const rest = Object.fromEntries(Object.entries(good).filter(([name]) => name !== field))
      const error = thrownBy(() => roundTrip[name](Buffer.from(JSON.stringify(rest))))
      expect(error, field).toSatisfy(thrown => isFault(thrown, 'OBJECT_CORRUPT'))
    }
  })

  test.each(names)(
    'one wrong bit in a %s record is found, whichever it is, unless it changes nothing',
    name => {
      const good = vector(`${name}.json`)
      const same = Buffer.from(roundTrip[name](good)).toString()
      // What stands before the part of a snapshot is tried with the record of another backup.
      const first = name === 'snapshot' ? good.indexOf('"snapshot": {') : 0
      for (let at = first * 8; at < good.length * 8; at++) {
        const bytes = Buffer.from(good)
        bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7))
        const read = valueOrFault(() => Buffer.from(roundTrip[name](bytes)).toString())
        if (isFault(read)) expect(read.code).toMatch(/^(OBJECT_CORRUPT|REPOSITORY_FORMAT)$/)
        else expect(read, `bit ${String(at)}`).toBe(same)
      }
    },
  )

  test.each(names)('a %s record that is cut anywhere is refused', name => {
    const bytes = vector(`${name}.json`)
    for (let length = 0; length < bytes.length - 2; length++) {
      const error = thrownBy(() => roundTrip[name](bytes.subarray(0, length)))
      expect(error).toSatisfy(thrown => isFault(thrown, 'OBJECT_CORRUPT'))
    }
  })

  test.each(names)('any other bytes for a %s record give a fault, never a crash', name => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map(json => Buffer.from(json)),
        ),
        bytes => {
          expect(thrownBy(() => roundTrip[name](bytes))).toSatisfy(thrown =>
            isFault(thrown, 'OBJECT_CORRUPT', 'REPOSITORY_FORMAT'),
          )
        },
      ),
      { numRuns: 200 },
    )
  })

  test('fields of a later version are passed over', () => {
    const { crc32: _, ...value } = JSON.parse(vector('cluster.json').toString()) as Record<string, unknown>
    const parsed = parseClusterRecord(Buffer.from(JSON.stringify({ ...value, later: 1 })), 'cluster.json')
    expect(parsed).toEqual(value)
  })

  test('every backup record comes back as it was', () => {
    const good = parseBackupRecord(vector('backup.json'), 'backup.json')
    fc.assert(
      fc.property(backupRecords(good), record => {
        expect(parseBackupRecord(encodeBackupRecord(record), 'backup.json')).toEqual(record)
      }),
      { numRuns: 200 },
    )
  })

  test('every record of a snapshot comes back as it was', () => {
    const good = parseBackupRecord(vector('snapshot.json'), 'backup.json')
    const [first] = good.snapshot?.volumes ?? []
    if (!first) throw new Error('the vector has a volume')
    const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter(text => !/[\0-\x1f]/.test(text))
    const volume = fc.record({
      source: line,
      reference: line,
      sizeBytes: fc.option(fc.maxSafeNat(), { nil: null }),
      details: fc.dictionary(fc.constantFrom('zone', 'kind'), fc.string()),
      copies: fc.array(fc.record({ region: line, reference: line, details: fc.constant({}) })),
    })
    fc.assert(
      fc.property(fc.array(volume, { maxLength: 3 }), volumes => {
        const others = volumes.map((changed, i) => ({
          ...first,
          ...changed,
          name: `ts${String(i + 1)}`,
          trees: [{ holds: String(i + 1) as `${number}`, path: '/x', inside: 'a/b' }],
        }))
        const record = { ...good, snapshot: { provider: 'btrfs', volumes: [first, ...others] } }
        expect(parseBackupRecord(encodeBackupRecord(record), 'backup.json')).toEqual(record)
      }),
      { numRuns: 100 },
    )
  })

  test.each([...added])('a %s record of before %s was added is read', (name, field) => {
    const { [field]: _, ...rest } = JSON.parse(vector(`${name}.json`).toString()) as Record<string, unknown>
    expect(() => roundTrip[name](Buffer.from(JSON.stringify(rest)))).not.toThrow()
  })

  test('the record of a copy says where it came from, and an older reader passes that over', () => {
    const bytes = vector('copied-backup.json')
    const record = parseBackupRecord(bytes, 'backup.json')
    expect(record.copiedFrom?.repository).toBe('3f2a9d0c5b7e4186a1c2d3e4f5061728')
    expect(Buffer.from(encodeBackupRecord(record)).toString()).toBe(bytes.toString())
    expect(Object.keys(parseBackupRecord(vector('backup.json'), 'backup.json'))).not.toContain('copiedFrom')
  })

  test('what is not a backup record is not written', () => {
    const good = parseBackupRecord(vector('backup.json'), 'backup.json')
    expect(() => encodeBackupRecord({ ...good, timeline: -1 })).toThrow('timeline')
  })
})

function backupRecords(good: BackupRecord): fc.Arbitrary<BackupRecord> {
  const count = fc.maxSafeNat()
  const hex = (length: number) =>
    fc.string({
      unit: fc.constantFrom(...Array.from('0123456789abcdef')),
      minLength: length,
      maxLength: length,
    })
  const pack = fc.record({
    name: fc.integer({ min: 1, max: 99_999 }).map(n => `data/${String(n).padStart(5, '0')}.tar.zst`),
    sizeBytes: count,
    sha256: hex(64),
    files: count,
    rawBytes: count,
  })
  return fc
    .record({
      label: fc.string({ unit: 'grapheme' }),
      host: fc.string(),
      fromStandby: fc.boolean(),
      packs: fc.uniqueArray(pack, { selector: ({ name }) => name }),
      warnings: fc.array(fc.string({ unit: 'grapheme' })),
      durationMs: count,
      checks: fc.record({
        pagesChecked: count,
        pagesTorn: count,
        pagesCorrupt: count,
        corrupt: fc.array(
          fc.record({
            path: fc.constantFrom('base/5/1', 'a..b', '.x/y', 'pg_tblspc/1/PG_15/5/6'),
            blocks: fc.array(fc.nat()),
          }),
        ),
      }),
    })
    .map(changed => ({ ...good, ...changed }))
}

function setAt(value: unknown, [first = '', ...rest]: readonly string[], wrong: unknown): void {
  const holder = value as Record<string, unknown>
  if (rest.length === 0) holder[first] = wrong
  else setAt(holder[first], rest, wrong)
}

function valueOrFault(work: () => string): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}

function thrownBy(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}
