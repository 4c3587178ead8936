import { expect, test } from 'vitest'
import type { Row } from './figures.ts'
import { renderLimits, renderTable } from './report.ts'
import { summarize } from './statistics.ts'

const row: Row = {
  what: 'full backup',
  unit: 's',
  ours: summarize([3, 4, 5]),
  theirs: summarize([8]),
  target: { of: 'ratio', atMost: 0.7 },
}

test('the table says median, spread, ratio, target, and whether it is met', () => {
  expect(renderTable([row]).split('\n').at(-1)).toBe(
    '| full backup | 4.00 s (3.00–5.00) |     8.00 s |  0.50 | ≤ 0.70 | yes |',
  )
})

test('a missed target stands out', () => {
  expect(renderTable([{ ...row, target: { of: 'max', atMost: 4.5 } }])).toContain('| ≤ 4.5 (max) s |  NO |')
})

test('limits are told as rates and as seconds for the data at hand', () => {
  const limits = {
    compressBytesPerSecond: 1e9,
    decompressBytesPerSecond: 2e9,
    diskWriteBytesPerSecond: 5e8,
    diskReadBytesPerSecond: undefined,
  }
  const text = renderLimits(limits, 4e9)
  expect(text).toContain('compresses 1000 MB/s (4.0 s at least for a backup)')
  expect(text).toContain('reads not measured')
})
