/** Cuts a manifest, as it streams by, into tasks for workers: files of one pack, end to end, in pieces of a size. */
import { Fault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { PackRecord } from '../../../repository/format/backup-record.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import { packNumberOf } from '../../../repository/packs/pack-name.ts'
import type { PackCopies, PackObject } from '../messages.ts'

export interface CopyInTask {
  readonly pack: PackCopies
  readonly files: readonly ManifestFile[]
}

/** Packs by the number that manifests call them by. */
export function packsByNumber(packs: readonly PackRecord[]): ReadonlyMap<number, PackObject> {
  return new Map(
    packs.map(({ name, sizeBytes, sha256 }) => {
      const number = packNumberOf(name)
      if (number === undefined) throw corrupt(`backup.json names a pack ${name}, which is no pack's name`)
      return [number, { number, name, sizeBytes, sha256 }]
    }),
  )
}

/** The same packs in several copies of a backup, each with the objects of its own `backup.json`. */
export function copiesByNumber(copies: readonly (readonly PackRecord[])[]): ReadonlyMap<number, PackCopies> {
  const byPlace = copies.map(packsByNumber)
  const numbers = new Set(byPlace.flatMap(packs => [...packs.keys()]))
  return new Map(
    Array.from(numbers, number => [number, { number, objects: byPlace.map(packs => packs.get(number)) }]),
  )
}

export interface TaskRule {
  readonly select: (file: ManifestFile) => boolean
  /** Raw. */
  readonly sizeBytesTarget: number
  readonly filesMax: number
}

/** Each task costs a request or two, so they grow with what there is to do. */
export function taskSizesFor(
  { rawBytes, files }: { readonly rawBytes: number; readonly files: number },
  workers: number,
): Pick<TaskRule, 'sizeBytesTarget' | 'filesMax'> {
  const within = (least: number, most: number, value: number): number =>
    Math.max(least, Math.min(most, Math.ceil(value)))
  const { restoreTasksPerWorker, restoreFileTasksPerWorker } = limits
  return {
    sizeBytesTarget: within(
      limits.restoreTaskSizeBytesMin,
      limits.restoreTaskSizeBytesMax,
      rawBytes / workers / restoreTasksPerWorker,
    ),
    filesMax: within(
      limits.restoreTaskFilesMin,
      limits.restoreTaskFilesMax,
      files / workers / restoreFileTasksPerWorker,
    ),
  }
}

/** The files that `select` chooses. Nothing is gathered beyond one task. */
export async function* tasksOf(
  files: AsyncIterable<readonly ManifestFile[]>,
  packs: ReadonlyMap<number, PackCopies>,
  { select, sizeBytesTarget, filesMax }: TaskRule,
): AsyncGenerator<CopyInTask, void, undefined> {
  let chosen: ManifestFile[] = []
  let chosenBytes = 0
  for await (const group of files) {
    for (const file of group) {
      if (!select(file)) continue
      const isFull = chosenBytes + file.sizeBytes > sizeBytesTarget || chosen.length >= filesMax
      if (chosen.length > 0 && (isFull || chosen[0]?.pack !== file.pack)) {
        yield taskOf(chosen, packs)
        chosen = []
        chosenBytes = 0
      }
      chosen.push(file)
      chosenBytes += file.sizeBytes
    }
  }
  if (chosen.length > 0) yield taskOf(chosen, packs)
}

function taskOf(files: readonly ManifestFile[], packs: ReadonlyMap<number, PackCopies>): CopyInTask {
  const number = files[0]?.pack ?? 0
  const pack = packs.get(number)
  if (!pack) throw corrupt(`the manifest names pack ${String(number)}, which backup.json does not`)
  return { pack, files }
}

const corrupt = (message: string): Fault =>
  new Fault('OBJECT_CORRUPT', message, {
    hint: 'Run `holdfast verify` to see what else is damaged, and restore from another repository or backup.',
  })
