import { describe, expect, test } from 'vitest'
import type { BaseBackupRun } from './base-backup.ts'
import { baseBackupRows, bucketWalRows, folderTargets, isMet, ratioOf, walRows } from './figures.ts'
import type { Measured } from './measure.ts'
import { summarize } from './statistics.ts'
import type { WalRun } from './wal.ts'

const measured = (wallMs: number, mib: number): Measured => ({
  wallMs,
  cpuMs: 2 * wallMs,
  peakTreePssBytes: mib * 2 ** 20,
  peakTreeRssBytes: 0,
  peakProcessBytes: (mib + 50) * 2 ** 20,
  output: '',
})
const run = (tool: 'holdfast' | 'pgbackrest', wallMs: number): BaseBackupRun => ({
  tool,
  backup: measured(wallMs, 100),
  restore: undefined,
  restoreSyncMs: 0,
  storedSizeBytes: 2 ** 20,
  storedFiles: 1,
})

const push = (
  tool: WalRun['tool'],
  mode: WalRun['mode'],
  segmentsPerSecond: number,
  requests?: number,
): WalRun => ({
  tool,
  way: 'push',
  mode,
  wallMs: 10_000 / segmentsPerSecond,
  segmentsPerSecond,
  callMs: [],
  memory: { pssBytes: 0, rssBytes: 0, processBytes: 0 },
  requests,
})

describe('figures', () => {
  test('the ratio is the median of ours over the median of theirs', () => {
    const [wall] = baseBackupRows(
      [run('holdfast', 3000), run('holdfast', 5000), run('holdfast', 4000), run('pgbackrest', 8000)],
      { targets: folderTargets },
    )
    expect(wall && ratioOf(wall)).toBe(0.5)
    expect(wall && isMet(wall)).toBe(true)
  })

  test('rows of what was not measured are left out', () => {
    const rows = baseBackupRows([run('holdfast', 1), run('pgbackrest', 1)], { targets: folderTargets })
    expect(rows.map(row => row.what)).not.toContain('restore, wall time')
  })

  test('memory is judged by the worst run, and ours by the high-water mark of the process', () => {
    const memory = baseBackupRows([run('holdfast', 1)], { targets: folderTargets }).find(
      row => row.unit === 'MiB' && row.target?.of === 'max',
    )
    expect(memory?.ours?.max).toBe(150)
  })

  test('a target that only one side was measured for is neither met nor missed', () => {
    const [wall] = baseBackupRows([run('holdfast', 1)], { targets: folderTargets })
    expect(wall && isMet(wall)).toBeUndefined()
  })

  test('both ways of theirs are set against the one way of ours', () => {
    const rows = walRows([
      push('holdfast', 'single', 10),
      push('pgbackrest', 'single', 5),
      push('pgbackrest', 'ahead', 20),
    ])
    expect(rows.map(ratioOf)).toEqual([2, 0.5])
  })

  test('in a bucket the time for all segments counts, and nobody may ask more often than they', () => {
    const [wall, , requests] = bucketWalRows(
      [push('holdfast', 'ahead', 20, 100), push('pgbackrest', 'ahead', 10, 99)],
      10,
    )
    expect(wall && [ratioOf(wall), isMet(wall)]).toEqual([0.5, true])
    expect(requests && isMet(requests)).toBe(false)
  })
})

describe('summaries', () => {
  test('the median of an even count is the mean of the middle two', () => {
    expect(summarize([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4, count: 4 })
  })

  test('nothing has no median', () => {
    expect(() => summarize([])).toThrow('nothing was measured')
  })
})
