import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { generateKernel, pageChecksumKernel } from '../../scripts/build-kernel.ts'
import { createPageChecker, pageLsn } from './page-checksum.ts'

const pageSizes = [1024, 2048, 4096, 8192, 16_384, 32_768]

/** pg_checksum_page, word by word, as checksum_impl.h has it. */
function referenceChecksum(page: Uint8Array, block: number): number {
  const words = new Uint32Array(Uint8Array.from(page).buffer)
  words[2] = (words[2] ?? 0) & 0xffff_0000
  const sums = Uint32Array.from(baseOffsets)
  const mix = (lane: number, word: number): void => {
    const mixed = (sums[lane] ?? 0) ^ word
    sums[lane] = Math.imul(mixed, 16_777_619) ^ (mixed >>> 17)
  }
  words.forEach((word, i) => {
    mix(i % 32, word)
  })
  for (let round = 0; round < 2; round++) for (let lane = 0; lane < 32; lane++) mix(lane, 0)
  const folded = sums.reduce((all, sum) => all ^ sum, 0)
  return (((folded ^ block) >>> 0) % 65_535) + 1
}

const baseOffsets = [
  0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a, 0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c, 0xf8d4474f,
  0xe39eb970, 0x42c6ae16, 0x993216fa, 0x7b093b5d, 0x98daff3c, 0xf718902a, 0x0b1c9cdb, 0xe58f764b, 0x187636bc,
  0x5d7b3bb1, 0xe73de7de, 0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4, 0x783125bb, 0x6ca8eaa2, 0xe407eac6,
  0x4b5cfc3e, 0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756,
]

const checker = createPageChecker({ count: 2, sizeBytes: 1024 * 1024 })
const buffer = checker.buffers[0]!

/** Fills pages with bytes from a seed, each with a right checksum, and returns where they lie. */
function fillPages(pageSizeBytes: number, count: number, firstBlock: number, seed: number): Uint8Array {
  const pages = buffer.subarray(0, pageSizeBytes * count)
  let state = seed >>> 0
  for (let i = 0; i < pages.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    pages[i] = state >>> 24
  }
  for (let i = 0; i < count; i++) {
    const page = pages.subarray(i * pageSizeBytes, (i + 1) * pageSizeBytes)
    page[14] = (page[14] ?? 0) | 1
    const checksum = referenceChecksum(page, firstBlock + i)
    page[8] = checksum & 0xff
    page[9] = checksum >>> 8
  }
  return pages
}

describe('page checksums', () => {
  test('agree with the algorithm written out, for every block size, place and block number', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...pageSizes),
        fc.nat(7),
        fc.nat(0xffff_fff0),
        fc.integer(),
        (size, more, block, seed) => {
          expect(checker.failures(fillPages(size, more + 1, block, seed), size, block)).toEqual([])
        },
      ),
      { numRuns: 100 },
    )
  })

  test('any changed bit is found in its page', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...pageSizes),
        fc.nat(0xffff),
        fc.nat(),
        fc.nat(7),
        (size, block, place, bit) => {
          const pages = fillPages(size, 4, block, place)
          const at = place % pages.length
          pages[at] = (pages[at] ?? 0) ^ (1 << bit)
          expect(checker.failures(pages, size, block)).toEqual([Math.floor(at / size)])
        },
      ),
      { numRuns: 100 },
    )
  })

  test('a page at the wrong place is found', () => {
    const pages = fillPages(8192, 3, 7, 1)
    expect(checker.failures(pages, 8192, 8)).toEqual([0, 1, 2])
  })

  test('a page never written to is right', () => {
    const pages = fillPages(8192, 3, 0, 1)
    pages.fill(0, 8192, 2 * 8192)
    expect(checker.failures(pages, 8192, 0)).toEqual([])
  })

  test('a page that claims to be new and is not all zero is wrong', () => {
    const pages = fillPages(8192, 3, 0, 1)
    pages.fill(0, 8192, 2 * 8192)
    pages[2 * 8192 - 1] = 1
    expect(checker.failures(pages, 8192, 0)).toEqual([1])
  })

  test('every page of a full buffer can fail', () => {
    buffer.fill(1)
    expect(checker.failures(buffer, 1024, 0)).toHaveLength(1024)
  })

  test('the LSN of a page is read as the server writes it', () => {
    expect(pageLsn(Uint8Array.of(0x16, 0, 0, 0, 0x48, 0xd8, 0x74, 0xb3))).toBe(0x16_b374_d848n)
  })

  test('the generated kernel is made from the source as it is', async () => {
    expect(readFileSync(pageChecksumKernel.generatedUrl, 'utf8')).toBe(
      await generateKernel(pageChecksumKernel),
    )
  })
})
