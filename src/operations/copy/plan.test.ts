import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { segment } from '../../../test/fakes/copy-lab.ts'
import { day } from '../../base/units.ts'
import { parseBackupRecord } from '../../repository/format/backup-json.ts'
import { summaryOf as recordSummary, type BackupSummary } from '../../repository/format/backup-summary.ts'
import { parseDumpRecord } from '../../repository/format/dump-json.ts'
import { summaryOfDump } from '../../repository/format/dump-summary.ts'
import type { StoredWal } from './holdings.ts'
import { planCopy, type CopyPlan, type CopyRequest } from './plan.ts'
import { summaryOf } from './report.ts'
import { unwantedOf } from './retention.ts'

const template = recordSummary(
  parseBackupRecord(
    readFileSync(new URL('../../../test/vectors/records/backup.json', import.meta.url)),
    'vector',
  ),
)

const dumpTemplate = parseDumpRecord(
  readFileSync(new URL('../../../test/vectors/records/dump.json', import.meta.url)),
  'vector',
)

describe('the plan of a copy', () => {
  test('brings histories first, then the newest chain with its WAL, what leads on from it, and then what is older', () => {
    const plan = planCopy(
      request({
        backups: [backup(1, 1), backup(3, 3), backup(4, 4, 3)],
        wal: ['00000001.history', ...[1, 2, 3, 4, 5, 6].map(segment)],
      }),
    )
    expect(stepsOf(plan)).toEqual([
      'wal 00000001.history',
      `wal ${segment(3)}`,
      `backup ${idOf(3)}`,
      `wal ${segment(4)}`,
      `backup ${idOf(4, 3)}`,
      `wal ${segment(5)} ${segment(6)}`,
      `wal ${segment(1)}`,
      `backup ${idOf(1)}`,
      `wal ${segment(2)}`,
    ])
    expect(plan.totals).toEqual({ backups: 3, dumps: 0, walFiles: 7, bytes: 7 * 10 + 3 * 1000 })
  })

  test('brings the newest dump after the newest chain, older ones last; and WAL first where no backup is missing', () => {
    const dumps = { source: { dumps: [dump(1), dump(2)], others: [] }, destination: new Set<string>() }
    const asked = request({ backups: [backup(1, 1)], wal: [1, 2].map(segment) })
    expect(stepsOf(planCopy({ ...asked, dumps }))).toEqual([
      `wal ${segment(1)}`,
      `backup ${idOf(1)}`,
      `wal ${segment(2)}`,
      `dump ${dump(2).id}`,
      `dump ${dump(1).id}`,
    ])
    const there = { ids: new Set([idOf(1)]), wal: walOf([segment(1)]) }
    const later = planCopy({ ...asked, destination: there, recheck: false, dumps })
    expect(stepsOf(later)).toEqual([`wal ${segment(2)}`, `dump ${dump(2).id}`, `dump ${dump(1).id}`])
    const unwanted = new Map([[dump(1).id, 'it is old']])
    const left = planCopy({ ...asked, destination: there, recheck: false, dumps, unwanted })
    expect(left.left).toEqual([{ what: `dump ${dump(1).id}`, why: 'it is old' }])
    expect(left.totals).toMatchObject({ dumps: 1 })
  })

  test('of what is there plans nothing, but looks again at what may have been left unchecked', () => {
    const wal = [1, 2, 3].map(segment)
    const there = { ids: new Set([idOf(1)]), wal: walOf(wal) }
    const plan = planCopy({ ...request({ backups: [backup(1, 1)], wal }), destination: there })
    expect(plan.steps.map(({ kind }) => kind)).toEqual(['check'])
    expect(
      planCopy({ ...request({ backups: [backup(1, 1)], wal }), destination: there, recheck: false }).steps,
    ).toEqual([])
  })

  test('looks again at the newest, and at whatever has another size', () => {
    const names = Array.from({ length: 30 }, (_, i) => segment(i + 1))
    const odd = new Map(walOf(names))
    odd.set(segment(3), { ...walFile(segment(3)), sizeBytes: 9 })
    const plan = planCopy({
      ...request({ backups: [], wal: names }),
      destination: { ids: new Set(), wal: odd },
    })
    const [check] = plan.steps
    expect(check?.kind === 'check' ? check.files.map(({ name }) => name).sort() : []).toEqual([
      segment(3),
      ...names.slice(-8),
    ])
  })

  test('can not copy a backup without its parent or its WAL, and says so', () => {
    const plan = planCopy(request({ backups: [backup(1, 1), backup(5, 5, 4)], wal: [segment(5)] }))
    expect(plan.impossible).toEqual([
      { what: `backup ${idOf(1)}`, why: `WAL segment ${segment(1)}, which it needs, is on neither side` },
      { what: `backup ${idOf(5, 4)}`, why: `it is based on ${idOf(4)}, which is on neither side` },
    ])
  })

  test('leaves out what the destination would not keep, unless it is asked for', () => {
    const source = {
      backups: [backup(1, 1), backup(8, 2), backup(15, 3)],
      wal: [1, 2, 3, 4].map(segment),
    }
    const rules = { last: 1, minimum: 1, timeZone: 'UTC' }
    const asked = request(source)
    const unwanted = unwantedOf(asked.source, rules, Date.UTC(2026, 2, 16))
    const plan = planCopy({ ...asked, ...unwanted })
    expect(stepsOf(plan)).toEqual([`wal ${segment(3)}`, `backup ${idOf(15)}`, `wal ${segment(4)}`])
    expect(plan.left.map(({ what }) => what)).toEqual([`backup ${idOf(1)}`, `backup ${idOf(8)}`])
    const one = planCopy({ ...asked, ...unwanted, ids: [idOf(1)], wal: false })
    expect(stepsOf(one)).toEqual([`wal ${segment(1)}`, `backup ${idOf(1)}`])
    expect(unwantedOf(asked.source, { minimum: 1, timeZone: 'UTC' }, 0)).toEqual({})
    const week = unwantedOf(
      asked.source,
      { minimum: 1, walMs: 2 * day, timeZone: 'UTC' },
      Date.UTC(2026, 2, 16),
    )
    expect(week.unwanted).toEqual(new Map())
    expect([1, 2, 3].map(number => week.isWalUnwanted?.(segment(number)))).toEqual([false, false, false])
  })

  test('leaves out dumps that the destination would not keep, unless they are asked for', () => {
    const dumps = [dumpEnded(1), dumpEnded(8), dumpEnded(15)]
    const asked = {
      ...request({ backups: [], wal: [] }),
      dumps: { source: { dumps, others: [] }, destination: new Set<string>() },
    }
    const offered = { backups: [], dumps }
    const nowMs = Date.UTC(2026, 2, 16)
    const ofDays = (plan: ReturnType<typeof planCopy>): readonly string[] =>
      stepsOf(plan).map(step => step.slice('dump 202603'.length, 'dump 20260301'.length))
    const lastOne = { minimum: 1, dumps: { last: 1 }, timeZone: 'UTC' }
    const unwanted = unwantedOf(offered, lastOne, nowMs)
    const plan = planCopy({ ...asked, ...unwanted })
    expect(ofDays(plan)).toEqual(['15'])
    expect(plan.left).toEqual(
      [1, 8].map(day => ({
        what: `dump ${dumpEnded(day).id}`,
        why: 'the retention there would not keep it',
      })),
    )
    expect(ofDays(planCopy({ ...asked, ...unwanted, ids: [dumpEnded(1).id] }))).toEqual(['01'])
    // Without rules for dumps all are kept; rules for backups are not meant for them.
    const ofBackups = { minimum: 1, last: 1, timeZone: 'UTC' }
    expect(ofDays(planCopy({ ...asked, ...unwantedOf(offered, ofBackups, nowMs) }))).toEqual([
      '15',
      '08',
      '01',
    ])
  })
})

const idOf = (dayOfMarch: number, parent?: number): string =>
  `202603${String(dayOfMarch).padStart(2, '0')}T020000Z-${parent === undefined ? 'full' : 'incremental'}`

/** Made on a day of March, needing one segment. */
function backup(dayOfMarch: number, number: number, parent?: number): BackupSummary {
  const id = idOf(dayOfMarch, parent)
  const time = `2026-03-${String(dayOfMarch).padStart(2, '0')}T02:00:00Z`
  return {
    ...template,
    id,
    kind: parent === undefined ? 'full' : 'incremental',
    parent: parent === undefined ? null : idOf(parent),
    startedAt: time,
    endedAt: time,
    startLsn: `16/${(number * 0x1000000).toString(16).toUpperCase()}`,
    stopLsn: `16/${(number * 0x1000000 + 256).toString(16).toUpperCase()}`,
    startWal: segment(number),
    stopWal: segment(number),
    sizes: { files: 1, rawBytes: 1, storedBytes: 1000 },
    checks: { pagesCorrupt: 0 },
  }
}

function request({
  backups,
  wal,
}: {
  backups: readonly BackupSummary[]
  wal: readonly string[]
}): CopyRequest {
  return {
    source: { backups, others: [], wal: walOf(wal) },
    destination: { ids: new Set(), wal: new Map() },
    segmentSizeBytes: 1 << 24,
    isVerbatim: true,
    recheck: true,
    wal: true,
    backups: true,
  }
}

const walOf = (names: readonly string[]): Map<string, StoredWal> =>
  new Map(names.map(name => [name, walFile(name)]))
const dump = (day: number) => summaryOfDump({ ...dumpTemplate, id: `2026030${String(day)}T030000Z-dump` })
const dumpEnded = (dayOfMarch: number) => {
  const day = String(dayOfMarch).padStart(2, '0')
  const endedAt = `2026-03-${day}T03:10:00Z`
  return summaryOfDump({ ...dumpTemplate, id: `202603${day}T030000Z-dump`, endedAt })
}
const walFile = (name: string): StoredWal => ({
  name,
  key: `gathr/wal/${name}.zst`,
  sizeBytes: 10,
  modifiedMs: Number.parseInt(name.slice(16), 16),
})

function stepsOf(plan: CopyPlan): readonly string[] {
  expect(summaryOf(plan)).toHaveLength(plan.steps.length)
  return plan.steps.map(step =>
    step.kind === 'backup' || step.kind === 'dump'
      ? `${step.kind} ${step.record.id}`
      : `${step.kind} ${step.files.map(({ name }) => name).join(' ')}`,
  )
}
