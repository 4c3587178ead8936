import { expect, test } from 'vitest'
import type { RecoveryTarget, TimelineChoice } from './recovery-target.ts'
import type { StoppingPoint } from './restore-plan.ts'
import { isSureWithout } from './sure-without.ts'

const time: RecoveryTarget = { kind: 'time', time: 1, inclusive: true }
const name: RecoveryTarget = { kind: 'name', name: 'before' }
const immediate: RecoveryTarget = { kind: 'immediate' }

test.each<[RecoveryTarget, Partial<StoppingPoint>, TimelineChoice | undefined, boolean, boolean]>([
  [{ kind: 'latest' }, { where: 'end' }, 1, true, false],
  [immediate, { where: 'consistent' }, undefined, true, true],
  [immediate, { where: 'consistent' }, undefined, false, false],
  [time, { where: 'before' }, 1, false, true],
  [time, { where: 'before' }, 'current', true, true],
  [time, { where: 'before' }, 'current', false, false],
  [time, { where: 'before' }, 'latest', true, false],
  [time, { where: 'before' }, undefined, true, false],
  [time, { where: 'before', isExact: false }, 1, true, false],
  [name, { where: 'after' }, 2, false, true],
  [name, { where: 'end' }, 2, false, false],
])('%o, %o on timeline %o, backup named: %o: %o', (target, more, timeline, isNamed, sure) => {
  const stop = { where: 'end', isExact: true, lsn: 1n, segment: 1n, last: undefined, ...more } as const
  expect(isSureWithout({ target, stop }, { timeline, isNamed })).toBe(sure)
})
