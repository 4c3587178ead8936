import { describe, expect, test } from 'vitest'
import { makePack, never, type MadePack } from '../../../../test/support/pack-lab.ts'
import { alignedBuffers } from '../../../base/aligned-buffers.ts'
import { encodeManifestFile } from '../../../repository/format/manifest-lines.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import { EntryLogWriter } from '../../../repository/packs/entry-log.ts'
import { createPackTools } from '../../../repository/packs/pack-reader.ts'
import { checkPack } from './check-worker.ts'
import type { CheckReport } from './report.ts'

const MiB = 1024 * 1024

/** Checks the pack against a manifest that says something else of it. */
async function check(made: MadePack, files: readonly ManifestFile[]): Promise<CheckReport> {
  const log = new EntryLogWriter()
  for (const file of files) log.add(encodeManifestFile(file))
  const { sizeBytes, sha256 } = made.summary
  const job = {
    setup: { keyPrefix: made.key.slice(0, made.key.indexOf('data/')), identities: [] },
    storage: made.storage,
    tools: createPackTools(alignedBuffers(1, MiB)),
    pages: undefined,
    pack: { number: 1, name: 'data/00001.tar.zst', sizeBytes, sha256 },
    entries: log.take(),
  }
  return checkPack(job, never)
}

const damaged = ({ damage }: CheckReport): string[] =>
  damage.map(({ path = '', message }) => `${path}: ${message}`)

describe('a pack is checked against its manifest', () => {
  const sizes = [10, 0, 3 * MiB + 1, 600, 0, 2 * MiB]

  test('and agrees', async () => {
    const made = await makePack(sizes, [])
    expect(await check(made, made.files)).toMatchObject({ packs: 1, files: 6, damage: [] })
  })

  test('which lacks a file: the header that nobody names is told', async () => {
    const made = await makePack(sizes, [])
    const report = await check(
      made,
      made.files.filter(({ path }) => path !== 'base/f3'),
    )
    expect(damaged(report)).toEqual(['base/f4: its tar header names base/f3 with 600 bytes'])
  })

  test('which names another size, sum or place', async () => {
    const made = await makePack(sizes, [])
    const [first, second, third, fourth, fifth, sixth] = made.files as [
      ManifestFile,
      ManifestFile,
      ManifestFile,
      ManifestFile,
      ManifestFile,
      ManifestFile,
    ]
    expect(
      damaged(await check(made, [{ ...first, crc32c: 1 }, second, third, fourth, fifth, sixth])),
    ).toEqual([expect.stringMatching(/^base\/f0: its CRC-32C is [0-9a-f]{8} instead of 00000001$/)])
    expect(
      damaged(
        await check(made, [
          first,
          second,
          { ...third, sizeBytes: third.sizeBytes - 1 },
          fourth,
          fifth,
          sixth,
        ]),
      ),
    ).toContain(`base/f2: its tar header names base/f2 with ${String(third.sizeBytes)} bytes`)
    expect(
      damaged(
        await check(made, [
          first,
          second,
          third,
          fourth,
          fifth,
          { ...sixth, offsetBytes: sixth.offsetBytes + MiB },
        ]),
      ),
    ).toContainEqual(expect.stringMatching(/^base\/f5: the pack ends \d+ bytes before its end$/))
  })

  test('whose lines are in disorder: it ends, and says so', async () => {
    const made = await makePack(sizes, [])
    const report = await check(made, made.files.toReversed())
    expect(damaged(report)).toContain('base/f0: the manifest places it over another file')
  })
})
