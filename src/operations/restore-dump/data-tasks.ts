/** Cuts the data of a dump into tasks, each for one run of pg_restore: largest first, small tables many at a time. Decides only. */
import { limits } from '../../base/limits.ts'
import { invalidArchive, isLargeObjects, type TocEntry } from '../../postgres/dump-archive/archive.ts'
import type { DumpContents, DumpedData } from '../../repository/format/dump-contents.ts'
import type { RawRange } from './dump-reader.ts'

export interface TaskBlock {
  readonly entry: TocEntry
  readonly range: RawRange
}

/** Rows of tables that lie in one object, in the order in which they lie there. */
export interface DataTask {
  readonly object: string
  readonly blocks: readonly TaskBlock[]
  readonly bytes: number
}

export interface DataTasks {
  readonly tasks: readonly DataTask[]
  /** Of the directory shape: large objects lie in files of their own, and are gathered into one archive. */
  readonly largeObjects: readonly TocEntry[]
}

export function dataTasks(
  withData: readonly TocEntry[],
  { data, files }: DumpContents,
  shape: 'custom' | 'directory',
): DataTasks {
  const places = new Map(data.map(one => [one.dumpId, one]))
  const asFiles = (entry: TocEntry): boolean => shape === 'directory' && isLargeObjects(entry)
  const placed = withData.filter(entry => !asFiles(entry)).map(entry => ({ entry, place: placeOf(entry) }))
  const large = placed.filter(({ place }) => place.lengthBytes >= limits.dumpTaskSizeBytesTarget)
  const small = placed
    .filter(({ place }) => place.lengthBytes < limits.dumpTaskSizeBytesTarget)
    .toSorted((a, b) => compare(a.place.object, b.place.object) || a.place.offsetBytes - b.place.offsetBytes)
  const groups: { entry: TocEntry; place: DumpedData }[][] = large.map(one => [one])
  let open: { entry: TocEntry; place: DumpedData }[] = []
  let openBytes = 0
  for (const one of small) {
    const fits =
      open[0]?.place.object === one.place.object &&
      openBytes + one.place.lengthBytes <= limits.dumpTaskSizeBytesTarget &&
      open.length < limits.dumpTaskTablesMax
    if (!fits) {
      openBytes = 0
      open = []
      groups.push(open)
    }
    open.push(one)
    openBytes += one.place.lengthBytes
  }
  return {
    tasks: groups.map(taskOf).toSorted((a, b) => b.bytes - a.bytes),
    largeObjects: files.length === 0 ? [] : withData.filter(asFiles),
  }

  function placeOf(entry: TocEntry): DumpedData {
    const place = places.get(entry.dumpId)
    if (!place)
      throw invalidArchive(`its contents do not tell where the data of entry ${String(entry.dumpId)} lies`)
    return place
  }
}

function taskOf(group: readonly { entry: TocEntry; place: DumpedData }[]): DataTask {
  const blocks = group.map(({ entry, place: { offsetBytes, lengthBytes } }) => ({
    entry,
    range: { startBytes: offsetBytes, endBytes: offsetBytes + lengthBytes },
  }))
  return {
    object: group[0]?.place.object ?? '',
    blocks,
    bytes: group.reduce((sum, { place }) => sum + place.lengthBytes, 0),
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
