/** What is said when a target can not be reached: the reason, and what to type for the nearest that can. */
import { describe, expect, test } from 'vitest'
import { WalHistory, backupRecordOf, segmentSizeBytes, type Happening } from '../../test/fakes/wal-history.ts'
import { Fault } from '../base/fault.ts'
import type { RecoveryTarget, TimelineChoice } from '../policy/recovery-target.ts'
import type { RestorePlan } from '../policy/restore-plan.ts'
import { formatLsn, parseLsn } from '../wal/lsn.ts'
import { formatMicros } from '../wal/time.ts'
import { planRestore } from './resolve-target.ts'
import { walStatusText } from './wal-status-text.ts'
import { walStatus } from './wal-status.ts'

const signal = new AbortController().signal
const commits = (count: number): Happening[] =>
  Array.from({ length: count }, () => ({ kind: 'commit', lateMicros: 0 }))
const backup: Happening = { kind: 'backup', commits: 2, fillerBytes: 100 }
const twoBackups: readonly Happening[] = [
  ...commits(20),
  backup,
  ...commits(1500),
  { kind: 'restore point', name: 'a' },
  backup,
  ...commits(500),
]

interface Asked {
  readonly target: RecoveryTarget
  readonly timeline?: TimelineChoice
  readonly backupId?: string
  readonly acceptGap?: boolean
  readonly hasKey?: boolean
}

function plan(
  history: WalHistory,
  { target, timeline = 'latest', hasKey = true, ...more }: Asked,
): Promise<RestorePlan> {
  const deps = {
    backups: history.backups.map(backupRecordOf),
    wal: history.store(hasKey),
    walSegmentSizeBytes: segmentSizeBytes,
  }
  return planRestore(deps, { target, timeline, ...more }, signal)
}

async function refused(history: WalHistory, asked: Asked): Promise<Fault> {
  const answer = await plan(history, asked).catch((error: unknown) => error)
  if (!(answer instanceof Fault)) throw new Error('it was not refused', { cause: answer })
  return answer
}

const time = (micros: number): RecoveryTarget => ({ kind: 'time', time: micros, inclusive: true })

/** The archived transactions, oldest first. */
function archivedEnds(history: WalHistory) {
  const end = (history.newest.writer.lsn / BigInt(segmentSizeBytes)) * BigInt(segmentSizeBytes)
  return history
    .recordsOn(history.newest.timeline)
    .filter(({ kind, endLsn }) => kind === 'commit' && endLsn <= end)
}

describe('a target that can not be reached', () => {
  test('a time after the last transaction: the latest point is near, and what a time can name at most', async () => {
    const history = new WalHistory(twoBackups)
    const last = archivedEnds(history).at(-1)
    const fault = await refused(history, { target: time(history.now + 1) })
    expect(fault.code).toBe('TARGET_UNREACHABLE')
    expect(fault.message).toContain(
      `the archived WAL ends before it; its last transaction ended at ${formatMicros(last?.time ?? 0)}`,
    )
    expect(fault.hint).toContain(`--latest, with everything up to ${formatMicros(last?.time ?? 0)}`)
    await expect(plan(history, { target: { kind: 'latest' } })).resolves.toMatchObject({
      stop: { last: { xid: last?.xid } },
    })
  })

  test('exactly at the last transaction: only "just before it" can be told from a time', async () => {
    const history = new WalHistory(twoBackups)
    const last = archivedEnds(history).at(-1)
    expect((await refused(history, { target: time(last?.time ?? 0) })).code).toBe('TARGET_UNREACHABLE')
    const before = await plan(history, { target: { kind: 'time', time: last?.time ?? 0, inclusive: false } })
    expect(before.stop.lsn).toBe(last?.startLsn)
  })

  test('a time before the first backup: its end is near', async () => {
    const history = new WalHistory(twoBackups)
    const [first] = history.backups
    const fault = await refused(history, { target: time((first?.startedAt ?? 0) - 1) })
    expect(fault.message).toMatch(/the earliest backup began at .*, after the target/)
    expect(fault.hint).toContain(
      `--backup ${first?.id ?? ''} --to-immediate, at ${formatLsn(first?.stopLsn ?? 0n)}`,
    )
  })

  test('beyond a gap: the points on both sides are near, and can be reached', async () => {
    const history = new WalHistory(twoBackups)
    const [first, second] = history.backups
    const segments = [...history.archived.keys()]
    const lost = segments.find(
      name =>
        Number.parseInt(name.slice(16), 16) * segmentSizeBytes >
        Number(first?.stopLsn) + 2 * segmentSizeBytes,
    )
    history.archived.delete(lost ?? '')
    const between = history
      .recordsOn(1)
      .findLast(({ kind, endLsn }) => kind === 'commit' && endLsn < (second?.startLsn ?? 0n))
    const fault = await refused(history, { target: time(between?.time ?? 0) })
    expect(fault.message).toContain(`WAL segment ${lost ?? ''} is missing`)
    const lsn = parseLsn(/--to-lsn (\S+),/.exec(fault.hint)?.[1] ?? '')
    expect(lsn).toBeDefined()
    const before = await plan(history, { target: { kind: 'lsn', lsn: lsn ?? 0n, inclusive: true } })
    expect(before.backup.id).toBe(first?.id)
    expect(before.wal.segments).not.toContain(lost)
    expect(fault.hint).toContain(`--backup ${second?.id ?? ''} --to-immediate`)
    const keyless = await refused(history, { target: time(between?.time ?? 0), hasKey: false })
    const nearest = /--to-time '([^']+)'/.exec(keyless.hint)?.[1] ?? ''
    const parsed = Date.parse(nearest.replace(' ', 'T')) * 1000
    expect(parsed).toBeGreaterThan(0)
  })

  test('the latest point with a gap after the newest backup is refused, unless the gap is accepted', async () => {
    const history = new WalHistory(twoBackups)
    const segments = [...history.archived.keys()].toSorted()
    const lost = segments.at(-3) ?? ''
    history.archived.delete(lost)
    const fault = await refused(history, { target: { kind: 'latest' } })
    expect(fault.message).toContain(`WAL segment ${lost} is missing`)
    const accepted = await plan(history, { target: { kind: 'latest' }, acceptGap: true })
    expect(accepted.wal.requireThrough).toBe(segments.at(-4))
    expect(accepted.reasons.join(' ')).toContain('stops at the gap')
  })

  test('an LSN beyond the archive, an unknown transaction, an unknown name', async () => {
    const history = new WalHistory(twoBackups)
    const lsn = await refused(history, {
      target: { kind: 'lsn', lsn: history.newest.writer.lsn + 1_000_000n, inclusive: true },
    })
    expect(lsn.message).toMatch(/the archived WAL ends before it/)
    const xid = await refused(history, { target: { kind: 'xid', xid: 999_999n, inclusive: true } })
    expect(xid.message).toBe('transaction 999999 can not be reached: the archived WAL does not hold it')
    const name = await refused(history, { target: { kind: 'name', name: 'never' } })
    expect(name.message).toBe('restore point "never" can not be reached: the archived WAL does not hold it')
    expect(name.hint).toContain('--latest')
  })

  test('a name can be looked for only with the key, and this is said', async () => {
    const history = new WalHistory(twoBackups)
    const fault = await refused(history, { target: { kind: 'name', name: 'a' }, hasKey: false })
    expect(fault.code).toBe('KEY_MISSING')
    expect(fault.message).toContain('can be found only in the WAL itself')
    const found = await plan(history, { target: { kind: 'name', name: 'a' } })
    expect(found.backup.id).toBe(history.backups[0]?.id)
  })

  test('a timeline that does not branch from the backup, or of which there is nothing', async () => {
    const history = new WalHistory([
      backup,
      ...commits(200),
      { kind: 'promotion', archivesPartial: false, parentGoesOn: 5 },
      ...commits(200),
      backup,
      ...commits(200),
    ])
    const [, second] = history.backups
    const latest: RecoveryTarget = { kind: 'latest' }
    const wrong = await refused(history, { target: latest, timeline: 1, backupId: second?.id ?? '' })
    expect(wrong.hint).toContain('is on timeline 2, which is no ancestor of it (asked for: timeline 1)')
    const none = await refused(history, { target: latest, timeline: 7 })
    expect(none.hint).toContain('timeline 7, of which the repository holds nothing')
    expect(
      await plan(history, { target: latest, timeline: 'current', backupId: history.backups[0]?.id ?? '' }),
    ).toMatchObject({ timeline: 1 })
    expect(await plan(history, { target: latest })).toMatchObject({ timeline: 2, backup: { id: second?.id } })
  })

  test('the latest point, when a newer timeline may go on from here and its history file is missing', async () => {
    const history = new WalHistory([
      backup,
      ...commits(2000),
      { kind: 'promotion', archivesPartial: false, parentGoesOn: 0 },
      ...commits(1000),
    ])
    const commit = history.recordsOn(1).filter(({ kind }) => kind === 'commit')[100]
    history.forgetHistories()
    const answer = await refused(history, { target: { kind: 'latest' } })
    expect(answer.code).toBe('TARGET_UNREACHABLE')
    expect(answer.message).toContain(
      'timeline 2 may go on from here, and its history file 00000002.history is missing',
    )
    expect(answer.hint).toContain('--timeline 1')
    const known = await plan(history, { target: { kind: 'latest' }, timeline: 1 })
    expect(known.reasons.join('\n')).not.toContain('00000002.history')
    const name: RecoveryTarget = { kind: 'xid', xid: BigInt(commit?.xid ?? 0), inclusive: true }
    expect((await plan(history, { target: name })).reasons.join('\n')).toContain(
      'without its history file 00000002.history, or with a damaged one',
    )
  })

  test('no backup at all, and an unknown backup', async () => {
    const history = new WalHistory(commits(10))
    expect((await refused(history, { target: { kind: 'latest' } })).message).toContain('there is no backup')
    expect((await refused(history, { target: { kind: 'latest' }, backupId: 'x' })).code).toBe(
      'BACKUP_NOT_FOUND',
    )
  })
})

describe('wal status', () => {
  test('tells windows and gaps with times, as data and for people, without a key', async () => {
    const history = new WalHistory(twoBackups)
    const [first, second] = history.backups
    const lost = [...history.archived.keys()].toSorted().find(name => {
      const start = BigInt(Number.parseInt(name.slice(16), 16)) * BigInt(segmentSizeBytes)
      return start > (first?.stopLsn ?? 0n) + 20_000n
    })
    history.archived.delete(lost ?? '')
    const deps = {
      backups: history.backups.map(backupRecordOf),
      wal: history.store(false),
      walSegmentSizeBytes: segmentSizeBytes,
    }
    const status = await walStatus(deps, signal)
    expect(JSON.parse(JSON.stringify(status))).toEqual(status)
    expect(status.windows.map(({ backups, endsAt }) => [backups, endsAt])).toEqual([
      [[first?.id], 'gap'],
      [[second?.id], 'end of the archive'],
    ])
    expect(status.gaps).toMatchObject([
      { firstMissing: lost, lastMissing: lost, segments: 1, isBridged: true },
    ])
    const [gap] = status.gaps
    expect((gap?.lastTimeBefore ?? '') < (gap?.firstTimeAfter ?? '')).toBe(true)
    const last = archivedEnds(history).at(-1)
    expect(status.windows[1]?.to.time).toBe(
      `${formatMicros(last?.time ?? 0)
        .replace(' ', 'T')
        .replace(/\+00:00$/, '')
        .padEnd(26, '0')}Z`,
    )
    const text = walStatusText(status)
    expect(text).toContain(`segment ${lost ?? ''}`)
    expect(text).toContain(formatMicros(last?.time ?? 0))
    expect(text).not.toContain('can not be used')
  })
})

test('wal status names the history file that is missing', async () => {
  const history = new WalHistory([
    backup,
    ...commits(300),
    { kind: 'promotion', archivesPartial: false, parentGoesOn: 0 },
    ...commits(1000),
  ])
  const status = (): ReturnType<typeof walStatus> =>
    walStatus(
      {
        backups: history.backups.map(backupRecordOf),
        wal: history.store(false),
        walSegmentSizeBytes: segmentSizeBytes,
      },
      signal,
    )
  expect((await status()).missingHistories).toEqual([])
  history.forgetHistories()
  expect((await status()).missingHistories).toEqual(['00000002.history'])
  expect(walStatusText(await status())).toContain(
    '00000002.history: whether this timeline goes on from an older one',
  )
})

test('wal status tells WAL that lies in the cold by its positions, and its history as what has to be thawed', async () => {
  const history = new WalHistory([
    backup,
    ...commits(300),
    { kind: 'promotion', archivesPartial: false, parentGoesOn: 0 },
    ...commits(1000),
  ])
  const store = history.store(false)
  const deps = { backups: history.backups.map(backupRecordOf), walSegmentSizeBytes: segmentSizeBytes }
  const whole = await walStatus({ ...deps, wal: store }, signal)
  const cold = (): Promise<never> =>
    Promise.reject(new Fault('OBJECT_COLD', 'it has to be thawed', { hint: 'Thaw it.' }))
  const status = await walStatus({ ...deps, wal: { ...store, head: cold } }, signal)
  expect(status).toMatchObject({ missingHistories: [], coldHistories: ['00000002.history'] })
  expect(status.timelines.map(({ runs }) => runs)).toEqual(whole.timelines.map(({ runs }) => runs))
  expect(walStatusText(status)).toMatch(/has to be thawed before it can be read\n +00000002\.history: /)
})

describe('a plan', () => {
  test('says what other timelines hold of the time that was asked for', async () => {
    const history = new WalHistory([
      backup,
      ...commits(300),
      { kind: 'promotion', archivesPartial: false, parentGoesOn: 1000 },
      ...commits(1000),
    ])
    const late = history.recordsOn(2).findLast(({ kind }) => kind === 'commit')?.time ?? 0
    const target = time(late - 500_000)
    const planned = await plan(history, { target })
    expect(planned.timeline).toBe(2)
    expect(planned.reasons.join('\n')).toMatch(
      /Timeline 1 has transactions from 2026-.* --timeline 1 leads to them/,
    )
    const named = await plan(history, { target, timeline: 2 })
    expect(named.reasons.join('\n')).not.toContain('Timeline 1')
    expect(planned.reasons[0]).toMatch(/is the latest that leads to the target; it is consistent at/)
  })
})
