import { describe, expect, test } from 'vitest'
import { limits } from '../../../base/limits.ts'
import { GiB, MiB, TiB } from '../../../base/units.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import { copiesByNumber, tasksOf, taskSizesFor, type CopyInTask } from './tasks.ts'

const pack = (number: number) => ({
  name: `data/0000${String(number)}.tar.zst.age`,
  sizeBytes: GiB,
  rawBytes: 4 * GiB,
  sha256: '0'.repeat(64),
  files: 1000,
})
const packs = copiesByNumber([[pack(1), pack(2)]])

function filesOf(number: number, sizes: readonly number[]): readonly ManifestFile[] {
  let offsetBytes = 0
  return sizes.map((sizeBytes, i) => {
    const file = {
      path: `base/${String(number)}-${String(i)}`,
      pack: number,
      offsetBytes,
      sizeBytes,
      mode: 0o600,
      modifiedMs: 0,
      crc32c: 0,
    }
    offsetBytes += sizeBytes
    return file
  })
}

async function* inGroups(...groups: (readonly ManifestFile[])[]): AsyncGenerator<readonly ManifestFile[]> {
  yield* groups
}

const shapeOf = (tasks: readonly CopyInTask[]): unknown =>
  tasks.map(({ pack: { number }, files }) => [number, files.length])

describe('tasks of a restore', () => {
  test('hold files of one pack, up to a size and a number', async () => {
    const files = inGroups(filesOf(1, [5, 5, 5, 20, 1, 1, 1, 1]), filesOf(2, [1]))
    const rule = { select: () => true, sizeBytesTarget: 12, filesMax: 3 }
    expect(shapeOf(await Array.fromAsync(tasksOf(files, packs, rule)))).toEqual([
      [1, 2],
      [1, 1],
      [1, 1],
      [1, 3],
      [1, 1],
      [2, 1],
    ])
  })

  test('are few where there is much, since each is a request or two, and several for each worker', () => {
    const few = taskSizesFor({ rawBytes: 5 * GiB, files: 80_000 }, 2)
    expect((5 * GiB) / few.sizeBytesTarget).toBeLessThanOrEqual(33)
    expect(80_000 / few.filesMax).toBeLessThanOrEqual(12)
    expect(80_000 / few.filesMax).toBeGreaterThanOrEqual(8)
  })

  test('stay within their bounds, however small or large the backup is', () => {
    const small = taskSizesFor({ rawBytes: MiB, files: 3 }, 8)
    expect(small).toEqual({
      sizeBytesTarget: limits.restoreTaskSizeBytesMin,
      filesMax: limits.restoreTaskFilesMin,
    })
    const large = taskSizesFor({ rawBytes: 10 * TiB, files: 2_000_000 }, 1)
    expect(large).toEqual({
      sizeBytesTarget: limits.restoreTaskSizeBytesMax,
      filesMax: limits.restoreTaskFilesMax,
    })
  })
})
