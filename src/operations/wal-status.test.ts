import { expect, test } from 'vitest'
import { labSignal as signal, openMemorySide, putBackup, segment } from '../../test/fakes/copy-lab.ts'
import type { WalHead } from '../repository/format/wal-head.ts'
import { walStatus } from './wal-status.ts'

const endedAt = '2026-03-08T02:10:00Z'

test.each([
  ['before the backup ended', '2026-03-08T02:09:57Z', '2026-03-08T02:10:00Z'],
  ['after it', '2026-03-08T02:11:00Z', '2026-03-08T02:11:00Z'],
])('a window whose last commit was %s ends no earlier than it begins', async (_, latest, to) => {
  const side = await openMemorySide('main', undefined)
  const backup = await putBackup(side, '20260308T020000Z-full', [5, 6], { endedAt })
  const head = (name: string): Promise<WalHead> =>
    Promise.resolve({
      name,
      sizeBytes: 1,
      sha256: '0'.repeat(64),
      commits: { count: 1, earliest: latest, latest },
    })
  const list = async function* () {
    yield* [5, 6].map(number => ({
      name: segment(number),
      sizeBytes: 1,
      modifiedMs: 0,
      ancestors: undefined,
    }))
  }
  const wal = { head, list } as never
  const { windows } = await walStatus({ backups: [backup], wal, walSegmentSizeBytes: 1 << 24 }, signal)
  expect(windows).toHaveLength(1)
  expect(Date.parse(windows[0]?.from.time ?? '')).toBe(Date.parse(endedAt))
  expect(Date.parse(windows[0]?.to.time ?? '')).toBe(Date.parse(to))
})
