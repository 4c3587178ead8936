import { appendFileSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { crc32c } from '../../../pipeline/crc32c.ts'
import { decodeManifestFile } from '../../../repository/format/manifest-lines.ts'
import { readEntryLines } from '../../../repository/packs/entry-log.ts'
import { createPackPress } from '../../../repository/packs/pack-press.ts'
import { openMemoryStorage } from '../../../storage/drivers/memory.ts'
import type { Storage } from '../../../storage/storage.ts'
import { simWorld } from '../../../base/world.ts'
import { checkPack } from '../check/check-worker.ts'
import { alignedBuffers } from '../../../base/aligned-buffers.ts'
import { createPackTools } from '../../../repository/packs/pack-reader.ts'
import type { FinishedPack } from '../messages.ts'
import { FileCopier } from './file-copier.ts'
import { PackSeries } from './pack-series.ts'
import type { CopyOutReport } from './report.ts'

const never = new AbortController().signal
const MiB = 1024 * 1024

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-copier-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** Copies these files into one pack, and checks that it is whole. `onWrite` runs whenever some frames are stored. */
async function copy(
  paths: readonly string[],
  onWrite?: () => void,
): Promise<{ pack: FinishedPack | undefined; report: CopyOutReport }> {
  const memory = openMemoryStorage(simWorld().clock)
  const storage: Storage = {
    ...memory,
    async create(key, signal) {
      const writer = await memory.create(key, signal)
      return {
        write: bytes => {
          onWrite?.()
          return writer.write(bytes)
        },
        commit: () => writer.commit(),
        abort: () => writer.abort(),
      }
    },
  }
  const packs: FinishedPack[] = []
  const press = createPackPress({ level: 1, recipients: [] })
  const series = new PackSeries({
    storage,
    keyPrefix: 'b/',
    press,
    nextNumber: () => 1,
    onPack: pack => packs.push(pack),
  })
  const copier = new FileCopier({
    dataDirectory: folder,
    series,
    pages: undefined,
    onProgress: () => undefined,
  })
  for (const path of paths) await copier.copy(path, never)
  await series.finish()
  const [pack] = packs
  if (pack) {
    const job = {
      setup: { keyPrefix: 'b/', identities: [] },
      storage: memory,
      tools: createPackTools(alignedBuffers(2, 1024 * 1024)),
      pages: undefined,
    }
    const check = await checkPack({ ...job, pack, entries: pack.entries }, never)
    expect(check.damage).toEqual([])
  }
  return { pack, report: copier.report() }
}

const entriesOf = (pack: FinishedPack | undefined): unknown[] =>
  [...readEntryLines(pack?.entries ?? [])].map(decodeManifestFile)

describe('a file that is copied', () => {
  test('and has vanished is counted, and left out', async () => {
    writeFileSync(join(folder, 'there'), 'x')
    const { pack, report } = await copy(['gone', 'there'])
    expect(entriesOf(pack)).toMatchObject([{ path: 'there' }])
    expect(report).toMatchObject({ files: 1, bytes: 1, filesVanished: 1 })
  })

  test('and has become a link, a directory or a pipe is left out', async () => {
    symlinkSync('/etc/passwd', join(folder, 'link'))
    execFileSync('mkfifo', [join(folder, 'pipe')])
    const { pack, report } = await copy(['link', '.', 'pipe'])
    expect(pack).toBeUndefined()
    expect(report).toMatchObject({ files: 0, filesVanished: 3 })
  })

  test('and shrinks meanwhile is stored in the promised size, zeroes for what is missing', async () => {
    const path = join(folder, 'shrinks')
    writeFileSync(path, randomBytes(8 * MiB))
    const { pack, report } = await copy(['shrinks', 'shrinks'], () => {
      truncateSync(path, 3 * MiB)
    })
    const entries = entriesOf(pack)
    expect(entries).toMatchObject([{ sizeBytes: 8 * MiB }, { sizeBytes: 3 * MiB }])
    expect(report).toMatchObject({ files: 2, filesShrunk: 1 })
  })

  test('and grows meanwhile is stored as long as it was when opened', async () => {
    const path = join(folder, 'grows')
    const bytes = randomBytes(4 * MiB)
    writeFileSync(path, bytes)
    let grown = false
    const { pack, report } = await copy(['grows'], () => {
      if (!grown) appendFileSync(path, bytes)
      grown = true
    })
    expect(entriesOf(pack)).toMatchObject([{ sizeBytes: 4 * MiB, crc32c: crc32c(bytes) }])
    expect(report).toMatchObject({ files: 1, filesShrunk: 0, bytes: 4 * MiB })
  })

  test('and may not be read stops the backup, with what to do', async () => {
    // Root may read everything: a name that is too long fails for everybody.
    await expect(copy(['n'.repeat(300)])).rejects.toMatchObject({ code: 'DATA_DIRECTORY' })
  })
})
