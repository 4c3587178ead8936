import { expect, test } from 'vitest'
import { parseChildCpuTicks, parseKiB } from './proc.ts'
import { parseZstdBench } from './zstd-bench.ts'

test('a line of smaps_rollup is read in bytes, and a missing one is zero', () => {
  expect(parseKiB('Rss:                1748 kB\nPss:                 320 kB\n', 'Pss')).toBe(320 * 1024)
  expect(parseKiB('', 'Pss')).toBe(0)
})

test('the CPU time of children is found behind a name with blanks and brackets', () => {
  expect(parseChildCpuTicks('1 (a) (b c) S 2 3 4 5 6 7 8 9 10 11 100 200 30 4 20 0 1')).toBe(34)
})

test('of the speeds that zstd -b prints the last pair counts', () => {
  const output = '-x (x3.0),  200.0 MB/s\r-x (x3.0),  232.1 MB/s, 1229.8 MB/s \r\\-x (x3.0),  232.1 MB/s\r 3#'
  expect(parseZstdBench(output)).toEqual({
    compressBytesPerSecond: 232.1e6,
    decompressBytesPerSecond: 1229.8e6,
  })
})
