/** A custom archive's TOC as a directory's, and back; and small archives that hold some of the entries only. */
import {
  isLargeObjects,
  type Archive,
  type ArchiveHeader,
  type ByteText,
  type DataPlace,
  type TocEntry,
} from './archive.ts'

/** From this version on there may be several entries of large objects, each with a list of its own. */
const minorWithSeveralLists = 16

/** What pg_restore takes as `toc.dat`, beside files named by `dataFileName`. */
export function toDirectory({ header, entries }: Archive): Archive {
  const place = (entry: TocEntry): DataPlace => ({
    kind: 'file',
    name: entry.hasData ? dataFileName(entry, header) : '',
  })
  return {
    header: { ...header, format: 'directory' },
    entries: entries.map(entry => ({ ...entry, place: place(entry) })),
  }
}

/** As pg_dump writes it into a pipe: where the data lies is not known. */
export function toCustom({ header, entries }: Archive): Archive {
  return {
    header: { ...header, format: 'custom' },
    entries: entries.map(entry => ({
      ...entry,
      place: { kind: 'offset', state: entry.hasData ? 'unknown' : 'none', offset: 0 },
    })),
  }
}

/** The file of a directory that holds the data of an entry; for large objects, their list. */
export function dataFileName(entry: TocEntry, header: ArchiveHeader): ByteText {
  return isLargeObjects(entry) ? largeObjectsFileName(entry, header) : `${String(entry.dumpId)}.dat`
}

/** A list of large objects: lines of an oid, a blank, and the name of the file with its bytes. */
export function largeObjectsFileName(entry: TocEntry, { minor }: ArchiveHeader): ByteText {
  return minor >= minorWithSeveralLists ? `blobs_${String(entry.dumpId)}.toc` : 'blobs.toc'
}

export const largeObjectFileName = (oid: number): string => `blob_${String(oid)}.dat`

/** Entries that say how the others are to be read. */
export function isSetting({ kind }: TocEntry): boolean {
  return kind === 'ENCODING' || kind === 'STDSTRINGS' || kind === 'SEARCHPATH'
}

/**
 * The header and TOC of a small custom archive with these entries of a larger one. Their blocks of data follow in this very
 * order; then pg_restore takes it from a pipe, and restores just that.
 */
export function miniArchive(archive: Archive, entries: readonly TocEntry[]): Archive {
  return toCustom({
    header: { ...archive.header, compression: 0 },
    entries: [...archive.entries.filter(isSetting), ...entries],
  })
}
