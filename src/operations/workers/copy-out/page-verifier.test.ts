import { describe, expect, test } from 'vitest'
import { limits } from '../../../base/limits.ts'
import { simWorld } from '../../../base/world.ts'
import { createPageChecker } from '../../../pipeline/page-checksum.ts'
import { PageVerifier } from './page-verifier.ts'
import { addReports, emptyReport, judgeRecentPages } from './report.ts'

const never = new AbortController().signal
const blockSizeBytes = 8192
const checker = createPageChecker({ count: 1, sizeBytes: 1024 * 1024 })
const rules = { blockSizeBytes, segmentBlocks: 131_072, startLsn: 1000n }
const relation = { relation: 16_384, fork: 'main', segment: 1 } as const

/** A page with a right checksum, found by trying: the kernel is the judge. */
function goodPage(block: number, lsn: bigint): Buffer {
  const pages = checker.buffers[0]!.subarray(0, blockSizeBytes)
  pages.fill(7)
  const view = new DataView(pages.buffer, pages.byteOffset, blockSizeBytes)
  view.setUint32(0, Number(lsn >> 32n), true)
  view.setUint32(4, Number(lsn & 0xffff_ffffn), true)
  for (let checksum = 0; checksum < 65_536; checksum++) {
    view.setUint16(8, checksum, true)
    if (checker.failures(pages, blockSizeBytes, block).length === 0) return Buffer.from(pages)
  }
  throw new Error('no checksum fits')
}

const firstBlock = rules.segmentBlocks
const broken = (page: Buffer): Buffer => {
  const copy = Buffer.from(page)
  copy[4000] = (copy[4000] ?? 0) ^ 1
  return copy
}

/** Checks two pages as they were read; `again` says what reading the second once more gives, time after time. */
async function check(
  pages: readonly Buffer[],
  again: readonly Buffer[],
): Promise<{ verifier: PageVerifier; slice: Uint8Array; rereads: number }> {
  const verifier = new PageVerifier(checker, rules, simWorld().clock)
  let rereads = 0
  verifier.beginFile('base/5/16384.1', relation, (into, atBytes) => {
    expect(atBytes).toBe(blockSizeBytes)
    const bytes = again[Math.min(rereads++, again.length - 1)]!
    into.set(bytes)
    return bytes.length
  })
  const slice = checker.buffers[0]!.subarray(0, pages.length * blockSizeBytes)
  slice.set(Buffer.concat(pages))
  await verifier.check(slice, 0, never)
  return { verifier, slice, rereads }
}

describe('a page that fails its checksum', () => {
  const first = goodPage(firstBlock, 10n)
  const second = goodPage(firstBlock + 1, 20n)

  test('is not read again when all is right', async () => {
    const { verifier, rereads } = await check([first, second], [])
    expect(rereads).toBe(0)
    expect(verifier.findings).toMatchObject({ pagesChecked: 2, pagesTorn: 0, pagesCorrupt: 0 })
  })

  test('and is right a moment later was torn; what is stored is the whole page', async () => {
    const { verifier, slice, rereads } = await check([first, broken(second)], [broken(second), second])
    expect(rereads).toBe(2)
    expect(verifier.findings).toMatchObject({ pagesTorn: 1, pagesCorrupt: 0, corrupt: [], recent: [] })
    expect(Buffer.from(slice.subarray(blockSizeBytes)).equals(second)).toBe(true)
  })

  test('each time is corrupt, and told by its block', async () => {
    const { verifier, rereads } = await check([first, broken(second)], [broken(second)])
    expect(rereads).toBe(limits.pageRereads)
    expect(verifier.findings).toMatchObject({
      pagesTorn: 0,
      pagesCorrupt: 1,
      corrupt: [{ path: 'base/5/16384.1', blocks: [1] }],
    })
  })

  test('and is gone when read again was truncated away', async () => {
    const { verifier, slice } = await check([first, broken(second)], [Buffer.alloc(0)])
    expect(verifier.findings).toMatchObject({ pagesTorn: 1, pagesCorrupt: 0 })
    expect(slice.subarray(blockSizeBytes).every(byte => byte === 0)).toBe(true)
  })

  test('and is newer than the start is judged when the end of the backup is known', async () => {
    const recent = broken(goodPage(firstBlock + 1, 2000n))
    const { verifier } = await check([first, recent], [recent])
    expect(verifier.findings).toMatchObject({ pagesCorrupt: 0, recent: [{ block: 1, lsn: 2000n }] })
    const report = { ...emptyReport, ...verifier.findings }
    expect(judgeRecentPages(report, 3000n)).toMatchObject({
      pagesTorn: 1,
      pagesCorrupt: 0,
      corrupt: [],
      recent: [],
    })
    // An LSN that the server has not reached: the header itself is damaged.
    expect(judgeRecentPages(report, 1500n)).toMatchObject({
      pagesTorn: 0,
      pagesCorrupt: 1,
      corrupt: [{ path: 'base/5/16384.1', blocks: [1] }],
    })
  })

  test('at the end of a file that is no multiple of the page size is passed over', async () => {
    const verifier = new PageVerifier(checker, rules, simWorld().clock)
    verifier.beginFile('base/5/16384.1', relation, () => 0)
    const slice = checker.buffers[0]!.subarray(0, blockSizeBytes + 100)
    slice.set(first)
    await verifier.check(slice, 0, never)
    expect(verifier.findings).toMatchObject({ pagesChecked: 1, pagesCorrupt: 0 })
  })
})

test('reports are added up, and blocks of one file stand together', () => {
  const one = { ...emptyReport, files: 1, bytes: 10, pagesCorrupt: 1, corrupt: [{ path: 'b', blocks: [9] }] }
  const two = {
    ...emptyReport,
    files: 2,
    bytes: 20,
    pagesCorrupt: 2,
    corrupt: [
      { path: 'b', blocks: [3] },
      { path: 'a', blocks: [1] },
    ],
  }
  expect(addReports(one, two)).toMatchObject({
    files: 3,
    bytes: 30,
    pagesCorrupt: 3,
    corrupt: [
      { path: 'a', blocks: [1] },
      { path: 'b', blocks: [3, 9] },
    ],
  })
})
