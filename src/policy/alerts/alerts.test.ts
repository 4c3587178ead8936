import { describe, expect, test } from 'vitest'
import { day, hour, minute } from '../../base/units.ts'
import type { AlertRules } from './alert.ts'
import type { SinkRule } from './announce.ts'
import { afterLook, emptyDesk, type AlertDesk } from './desk.ts'
import type { Finding, Severity } from './finding.ts'
import { batchOf, delivered, emptyOutbox, enqueue, failed, wakeMsOf } from './outbox.ts'

const rules: AlertRules = {
  afterMs: 2 * minute,
  overAfterMs: 5 * minute,
  repeatMsFirst: hour,
  repeatMsMost: 6 * hour,
  flappingTimes: 3,
  flappingWithinMs: 2 * hour,
}
const all: SinkRule = { name: 'all', min: 'warning', only: undefined }

function finding(state: Severity, more: Partial<Finding> = {}): Finding {
  const { code = 'backup-late', repository = 'main', subject = null } = more
  return { code, repository, subject, state, message: 'it is late', fix: 'Do it.', runbook: null }
}

/** `.` nothing, `w` warning, `c` critical, `?` nobody could look: one look a minute. Tells what is announced, and when. */
function play(
  looks: string,
  {
    sinks = [all],
    from = emptyDesk,
    startMs = 0,
  }: { sinks?: SinkRule[]; from?: AlertDesk; startMs?: number } = {},
): { readonly told: readonly string[]; readonly desk: AlertDesk } {
  let desk = from
  const told: string[] = []
  ;[...looks].forEach((look, i) => {
    const atMs = startMs + i * minute
    const findings = look === 'w' ? [finding('warning')] : look === 'c' ? [finding('critical')] : []
    desk = afterLook(
      desk,
      { atMs, findings, isBlindTo: () => look === '?' },
      { cluster: 'gathr', sinks, rules, runbooks: undefined },
      new Set(),
    )
    for (const [sink, outbox] of desk.outboxes) {
      for (const {
        kind,
        finding: { state },
        cameTimes,
      } of outbox.notices)
        told.push(
          `${String(i)} ${sinks.length > 1 ? `${sink} ` : ''}${kind} ${state}${cameTimes === undefined ? '' : ` x${String(cameTimes)}`}`,
        )
    }
    desk = {
      ...desk,
      outboxes: new Map(
        [...desk.outboxes].map(([sink, outbox]) => [sink, delivered(outbox, outbox.notices, atMs)]),
      ),
    }
  })
  return { told, desk }
}

describe('an alert', () => {
  test.each<[string, string, string[]]>([
    [
      'opens when it was seen for long enough, and is over when it was away for long enough',
      'www......',
      ['2 opened warning', '8 resolved warning'],
    ],
    ['is not opened by a moment', 'ww......', []],
    ['is not over by a moment', 'wwww..wwww', ['2 opened warning']],
    [
      'becomes worse, and better, with the same pauses',
      'wwwwccccwwwwwww',
      ['2 opened warning', '6 worse critical', '13 better warning'],
    ],
    ['that is critical at once is opened so', 'cccc', ['2 opened critical']],
    ['is not over because nobody could look', 'wwww????????????', ['2 opened warning']],
    ['stays as it is while nobody can look, and goes on then', 'ww??????www', ['8 opened warning']],
    [
      'that comes and goes is told of as such, and no more',
      'www......www......www......www.......www......',
      [
        '2 opened warning',
        '8 resolved warning',
        '11 opened warning',
        '17 resolved warning',
        '18 opened warning x3',
      ],
    ],
    [
      'that is seen only for moments, again and again, is told of',
      'w....w....w....',
      ['10 opened warning x3'],
    ],
  ])('%s', (_title, looks, expected) => {
    expect(play(looks).told).toEqual(expected)
  })

  test('that came and went is over when it has calmed down', () => {
    const { told } = play(`w....w....w${'.'.repeat(300)}`)
    expect(told).toEqual(['10 opened warning x3', '70 repeated warning x3', '120 resolved warning'])
  })

  test('is repeated after pauses that double, up to the longest', () => {
    const { told } = play('w'.repeat(24 * 60))
    expect(told.map(line => Number(line.split(' ')[0]))).toEqual([2, 62, 182, 422, 782, 1142])
  })

  test('has another id each time', () => {
    const first = play('www')
    const second = play('......www', { from: first.desk, startMs: 3 * minute })
    const [a, b] = [first, second].map(({ desk }) => [...desk.alerts.values()][0]!.id)
    expect(a).not.toBe(b)
  })

  test('that somebody knows of is not repeated, unless it becomes worse', () => {
    const { desk } = play('www')
    const [[key, alert] = []] = [...desk.alerts]
    const acked = {
      ...desk,
      alerts: new Map([[key!, { ...alert!, ack: { untilMs: 3 * hour, reason: undefined } }]]),
    }
    expect(play('w'.repeat(170), { from: acked, startMs: 3 * minute }).told).toEqual([])
    expect(play('w'.repeat(200), { from: acked, startMs: 3 * minute }).told).toEqual(['177 repeated warning'])
    expect(play('wcccc', { from: acked, startMs: 3 * minute }).told).toEqual(['3 worse critical'])
  })
})

describe('a sink', () => {
  test('hears only of what it wants to hear', () => {
    const oncall: SinkRule = { name: 'oncall', min: 'critical', only: undefined }
    const jobs: SinkRule = { name: 'jobs', min: 'warning', only: new Set(['job-failed']) }
    expect(play('wwwcccwwwwww......', { sinks: [all, oncall, jobs] }).told).toEqual([
      '2 all opened warning',
      '5 all worse critical',
      '5 oncall opened critical',
      '11 all better warning',
      '11 oncall withdrawn warning',
      '17 all resolved warning',
    ])
  })

  test('that is new hears of what is open already', () => {
    const { desk } = play('wwwww')
    const more = { sinks: [all, { ...all, name: 'new' }], from: desk, startMs: 5 * minute }
    expect(play('w', more).told).toEqual(['0 new opened warning'])
  })
})

describe('clocks', () => {
  test('that were put back delay nothing for long', () => {
    const { desk } = play('www', { startMs: 365 * day })
    expect(play('w'.repeat(61), { from: desk }).told).toEqual(['60 repeated warning'])
    expect(play('......', { from: desk }).told).toEqual(['5 resolved warning'])
  })
})

describe('an outbox', () => {
  const notices = (looks: string) => {
    let outbox = emptyOutbox
    let desk = emptyDesk
    ;[...looks].forEach((look, i) => {
      const findings = look === 'w' ? [finding('warning')] : look === 'c' ? [finding('critical')] : []
      desk = afterLook(
        desk,
        { atMs: i * minute, findings, isBlindTo: () => false },
        { cluster: 'gathr', sinks: [all], rules, runbooks: undefined },
        new Set(),
      )
      outbox = desk.outboxes.get('all')!
    })
    return outbox.notices.map(
      ({ kind, finding: { state }, atMs }) => `${String(atMs / minute)} ${kind} ${state}`,
    )
  }

  test('of a sink that is out of reach holds the newest of each alert', () => {
    expect(notices('www')).toEqual(['2 opened warning'])
    expect(notices(`www${'c'.repeat(300)}`)).toEqual(['185 opened critical'])
    expect(notices(`www${'c'.repeat(300)}......`)).toEqual(['185 opened critical', '308 resolved critical'])
  })

  test('makes one message of what is new, of what is repeated, and of what is over', () => {
    const kinds = ['opened', 'worse', 'repeated', 'repeated', 'resolved', 'opened'] as const
    let outbox = kinds.reduce(
      (filled, kind, i) => enqueue(filled, { ...noticeNamed(`${String(i)}-1`), kind }, new Set()),
      emptyOutbox,
    )
    const messages: string[] = []
    while (outbox.notices.length > 0) {
      const batch = batchOf(outbox, 20, 0)
      messages.push(batch.map(({ kind }) => kind).join('+'))
      outbox = delivered(outbox, batch, 0)
    }
    expect(messages).toEqual(['opened+worse', 'repeated+repeated', 'resolved', 'opened'])
    expect(batchOf(enqueue(emptyOutbox, noticeNamed('a-1'), new Set()), 1, 0)).toHaveLength(1)
  })

  test('leaves alone what is on its way', () => {
    const opened = { ...noticeNamed('a-1'), kind: 'opened' as const }
    const repeated = { ...noticeNamed('a-2'), kind: 'repeated' as const }
    const both = enqueue(enqueue(emptyOutbox, opened, new Set()), repeated, new Set(['a-1']))
    expect(both.notices.map(({ id }) => id)).toEqual(['a-1', 'a-2'])
    expect(delivered(both, [opened], 1).notices).toEqual([repeated])
  })

  test('is tried again after pauses that grow, and forgets them when something arrived', () => {
    let outbox = enqueue(emptyOutbox, noticeNamed('a-1'), new Set())
    const pauses: number[] = []
    for (let nowMs = 0; pauses.length < 10; nowMs = wakeMsOf(outbox)) {
      expect(batchOf(outbox, 20, nowMs)).toHaveLength(1)
      expect(batchOf(outbox, 20, nowMs - 1)).toHaveLength(nowMs === 0 ? 1 : 0)
      outbox = failed(outbox, 'nobody answers', nowMs)
      pauses.push((wakeMsOf(outbox) - nowMs) / 1000)
    }
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 900, 900])
    expect(delivered(outbox, outbox.notices, 7)).toEqual({ notices: [], failing: undefined, deliveredMs: 7 })
  })

  function noticeNamed(id: string) {
    const [alertId = ''] = id.split('-')
    return {
      id,
      alertId,
      kind: 'opened' as const,
      cluster: 'gathr',
      finding: finding('warning'),
      sinceMs: 0,
      atMs: 0,
      cameTimes: undefined,
    }
  }
})
