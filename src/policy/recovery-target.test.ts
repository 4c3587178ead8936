import { expect, test } from 'vitest'
import { parseTime } from '../wal/time.ts'
import { describeTarget, xidInWal, type RecoveryTarget } from './recovery-target.ts'

const described: readonly (readonly [RecoveryTarget, string])[] = [
  [{ kind: 'latest' }, 'the latest point'],
  [{ kind: 'immediate' }, 'the end of the backup'],
  [
    { kind: 'time', time: parseTime('2026-03-01 02:00Z') ?? 0, inclusive: true },
    'time 2026-03-01 02:00:00+00:00',
  ],
  [{ kind: 'lsn', lsn: 0x1_0000_0028n, inclusive: false }, 'just before LSN 1/28'],
  [{ kind: 'xid', xid: 731n, inclusive: true }, 'transaction 731'],
  [{ kind: 'name', name: 'before upgrade' }, 'restore point "before upgrade"'],
]

test.each(described)('%o is described as "%s"', (target, text) => {
  expect(describeTarget(target)).toBe(text)
})

test('a transaction id is looked for by its low 32 bits, as PostgreSQL does', () => {
  expect(xidInWal(0x1_0000_02dbn)).toBe(731)
})
