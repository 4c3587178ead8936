/** Damaged WAL, met while a restore is planned: it matters only where it is needed, and where no other repository has it. */
import { describe, expect, test } from 'vitest'
import { WalHistory, backupRecordOf, segmentSizeBytes, type Happening } from '../../test/fakes/wal-history.ts'
import { Fault } from '../base/fault.ts'
import { systemWorld } from '../base/world.ts'
import type { RestorePlan } from '../policy/restore-plan.ts'
import { planRestore } from './resolve-target.ts'
import { TroubleLog } from './sources/trouble.ts'
import { uniteWal, type ReadableWal } from './sources/wal.ts'

const signal = new AbortController().signal

/** These files can not be read here. */
function damaged(wal: ReadableWal, names: readonly string[]): ReadableWal {
  const refuse = (name: string): void => {
    if (names.includes(name)) throw new Fault('OBJECT_CORRUPT', `${name} is damaged`, { hint: 'A test.' })
  }
  return {
    ...wal,
    async get(name, stop) {
      refuse(name)
      return wal.get(name, stop)
    },
    async head(name, stop) {
      refuse(name)
      return wal.head(name, stop)
    },
  }
}

function planTo(history: WalHistory, micros: number, wal: ReadableWal): Promise<RestorePlan> {
  const deps = { backups: history.backups.map(backupRecordOf), wal, walSegmentSizeBytes: segmentSizeBytes }
  return planRestore(
    deps,
    { target: { kind: 'time', time: micros, inclusive: true }, timeline: 'latest' },
    signal,
  )
}

const commits = (count: number): Happening[] =>
  Array.from({ length: count }, () => ({ kind: 'commit', lateMicros: 0 }))
const backup: Happening = { kind: 'backup', commits: 2, fillerBytes: 100 }
const history = new WalHistory([...commits(200), backup, ...commits(3000)])
const ends = history.recordsOn(1).filter(({ kind }) => kind === 'commit')
const early = ends[Math.floor(ends.length / 4)]
const time = early && 'time' in early ? early.time : 0

describe('a damaged head', () => {
  test('of a segment after the target does not keep a restore from it', async () => {
    const whole = await planTo(history, time, history.store(true))
    const names = [...history.archived.keys()].filter(name => name > (whole.wal.segments.at(-1) ?? ''))
    expect(names.length).toBeGreaterThan(1)
    const plan = await planTo(history, time, damaged(history.store(true), names.slice(1)))
    expect(plan.stop).toEqual(whole.stop)
    expect(plan.reasons.join(' ')).toMatch(/is damaged; this target does not need it/)
  })

  test('of a segment that is needed refuses the restore, and names it', async () => {
    const whole = await planTo(history, time, history.store(true))
    const last = whole.wal.segments.at(-1) ?? ''
    await expect(planTo(history, time, damaged(history.store(true), [last]))).rejects.toThrow(
      `${last} is damaged`,
    )
  })

  test('costs nothing when another repository has the segment', async () => {
    const whole = await planTo(history, time, history.store(true))
    const troubles = new TroubleLog()
    const place = (name: string, store: ReadableWal) => ({ name, open: () => Promise.resolve(store) })
    const names = [...history.archived.keys()]
    const wal = uniteWal([place('a', damaged(history.store(true), names)), place('b', history.store(true))], {
      clock: systemWorld().clock,
      troubles,
    })
    expect(await planTo(history, time, wal)).toMatchObject({ stop: whole.stop, wal: whole.wal })
    expect(troubles.all().every(({ repository, instead }) => repository === 'a' && instead === 'b')).toBe(
      true,
    )
    expect(troubles.all().length).toBeGreaterThan(0)
  })
})
