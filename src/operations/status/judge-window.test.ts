/** What is said of gaps, by what is owed and by what other repositories have. */
import { expect, test } from 'vitest'
import { minute } from '../../base/units.ts'
import type { OwedFacts } from '../wal-push/owed.ts'
import type { GapStatus, WindowStatus } from '../wal-status.ts'
import type { SeenPlace } from './facts.ts'
import { ofWindow } from './judge-window.ts'

const nowMs = Date.parse('2026-03-08T03:10:00Z')
const segment = (number: number): string => `00000001000000160000000${String(number)}`
const gap: GapStatus = {
  timeline: 1,
  firstMissing: segment(3),
  lastMissing: segment(4),
  segments: 2,
  lastTimeBefore: null,
  firstTimeAfter: null,
  isBridged: false,
}
const window: WindowStatus = {
  timeline: 1,
  backups: ['20260301T020000Z-full'],
  from: { lsn: '16/1000100', time: '2026-03-01T02:10:00Z' },
  to: { lsn: '16/3000000', time: null, segment: segment(2) },
  endsAt: 'gap',
}
const place = {
  place: { name: 'main', url: 'memory:main', role: 'first', copyOf: undefined },
  backups: [{}],
  windows: [window],
  gaps: [gap],
  unusable: [],
} as unknown as SeenPlace
const owed: OwedFacts = {
  repository: 'main',
  files: 2,
  first: segment(3),
  last: segment(4),
  since: new Date(nowMs - 5 * minute).toISOString(),
  unreachableSince: null,
  lastError: null,
}
const holding = (...numbers: readonly number[]): Pick<SeenPlace, 'wal'> => ({
  wal: new Map(numbers.map(number => [segment(number), { name: segment(number), sizeBytes: 1 } as never])),
})

test.each([
  ['is owed and another repository has it', { owed, others: [holding(2, 3, 4, 5)] }, 'warning'],
  ['is owed, and another one has only a part', { owed, others: [holding(3), holding(4)] }, 'critical'],
  ['is owed in part', { owed: { ...owed, last: segment(3) }, others: [holding(3, 4)] }, 'critical'],
  ['is not owed, though another one has it', { owed: undefined, others: [holding(3, 4)] }, 'critical'],
  [
    'has been owed for less than a minute',
    { owed: { ...owed, since: new Date(nowMs - 1000).toISOString() }, others: [holding(3, 4)] },
    undefined,
  ],
])('a gap that %s', (_, beside, state) => {
  const found = ofWindow(place, { isVital: true, nowMs, ...beside })
  expect(found.map(finding => finding.state)).toEqual(state === undefined ? [] : [state])
  const says =
    state === 'warning' ? /owed to it and come by themselves/ : /nothing after that can be restored/
  for (const { message } of found) expect(message).toMatch(says)
})
