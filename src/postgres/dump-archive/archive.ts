/**
 * pg_dump's archives: a header, a table of contents (the *TOC*), and the data of tables and large objects.
 *
 * In the *custom* format all of it is one stream; in the *directory* format the header and TOC are the file `toc.dat`, and
 * the data of each entry is a file beside it. Versions 1.14 (PostgreSQL 14 and 15), 1.15 (16) and 1.16 (17 and 18) are known:
 * see pg_backup_archiver.c, pg_backup_custom.c and pg_backup_directory.c of PostgreSQL.
 *
 * Text in an archive is bytes in the encoding that the archive names, so it is kept as bytes: each character of a `ByteText`
 * is one byte. `textOf` makes it readable.
 */
import { Fault } from '../../base/fault.ts'

export type ByteText = string

export type ArchiveFormat = 'custom' | 'directory'

export interface ArchiveHeader {
  /** 14 in `1.14`. */
  readonly minor: number
  readonly revision: number
  readonly format: ArchiveFormat
  /** Zero when the data is not compressed; else an algorithm (from 1.15 on) or zlib's level (before). */
  readonly compression: number
  /** Seconds, minutes, hours, day, month (from 0), year (from 1900), daylight saving: the local time of pg_dump. */
  readonly createdAt: readonly number[]
  readonly database: ByteText | undefined
  /** `server_version`, for example `15.18 (Debian 15.18-0+deb12u1)`. */
  readonly serverVersion: ByteText | undefined
  /** The version of pg_dump. */
  readonly dumpVersion: ByteText | undefined
}

/** The parts in which an archive is restored. */
export const sections = { none: 1, preData: 2, data: 3, postData: 4 } as const

export interface TocEntry {
  readonly dumpId: number
  /** Whether data belongs to it: rows of a table, or large objects. */
  readonly hasData: boolean
  /** The system catalogue and the row in it that it was made from, as decimal text. */
  readonly catalogOid: ByteText | undefined
  readonly oid: ByteText | undefined
  /** The name, and for some kinds more: `TABLE orders`, `orders orders_pkey`. */
  readonly tag: ByteText | undefined
  /** What it is: `TABLE`, `TABLE DATA`, `FK CONSTRAINT`, … */
  readonly kind: ByteText | undefined
  /** One of `sections`. */
  readonly section: number
  readonly definition: ByteText | undefined
  readonly dropStatement: ByteText | undefined
  /** `COPY public.orders (id, …) FROM stdin;` and a line feed. */
  readonly copyStatement: ByteText | undefined
  readonly schema: ByteText | undefined
  readonly tablespace: ByteText | undefined
  readonly accessMethod: ByteText | undefined
  /** From 1.16 on: pg_class.relkind as a code, 0 when it is no relation. */
  readonly relationKind: number | undefined
  readonly owner: ByteText | undefined
  /** `false` since PostgreSQL 12: tables had oids. */
  readonly withOids: ByteText | undefined
  /** The dump ids of what has to be there before it. */
  readonly dependencies: readonly number[]
  readonly place: DataPlace
}

/** Where its data is: in a custom archive an offset, if pg_dump could go back and write it; in a directory a file's name. */
export type DataPlace =
  | { readonly kind: 'offset'; readonly state: OffsetState; readonly offset: number }
  | { readonly kind: 'file'; readonly name: ByteText | undefined }

export type OffsetState = 'unknown' | 'known' | 'none'

export interface Archive {
  readonly header: ArchiveHeader
  readonly entries: readonly TocEntry[]
}

/** How a block of data begins in a custom archive: its kind, then its dump id. */
export const blockKinds = { data: 1, largeObjects: 3 } as const

/** An integer in an archive: a sign, then four bytes, low first. */
export const integerBytes = 5

/** What pg_dump writes behind the rows of every table. */
export const copyEnd = Buffer.from('\\.\n\n\n')

export const isLargeObjects = (entry: TocEntry): boolean => entry.kind === 'BLOBS'

/** The archive is not what pg_dump writes: it was cut off or damaged. */
export function invalidArchive(message: string): Fault {
  return new Fault('DUMP_INVALID', `the dump archive is not valid: ${message}`, {
    hint: 'Use another copy of the dump, or another dump: this one was cut off or damaged, or pg_dump did not make it.',
  })
}

const encodingSetting = /client_encoding\s*=\s*'([^']+)'/

/** The encoding of the text in an archive, as PostgreSQL names it. */
export function encodingOf(entries: readonly TocEntry[]): string {
  const statement = entries.find(({ kind }) => kind === 'ENCODING')?.definition ?? ''
  return encodingSetting.exec(statement)?.[1] ?? 'SQL_ASCII'
}

/** What `TextDecoder` calls PostgreSQL's encodings. Others are shown byte by byte. */
const decoders: Readonly<Record<string, string>> = {
  UTF8: 'utf-8',
  SQL_ASCII: 'utf-8',
  LATIN1: 'iso-8859-1',
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN5: 'iso-8859-9',
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  LATIN10: 'iso-8859-16',
  ISO_8859_5: 'iso-8859-5',
  ISO_8859_6: 'iso-8859-6',
  ISO_8859_7: 'iso-8859-7',
  ISO_8859_8: 'iso-8859-8',
  WIN866: 'ibm866',
  WIN874: 'windows-874',
  WIN1250: 'windows-1250',
  WIN1251: 'windows-1251',
  WIN1252: 'windows-1252',
  WIN1253: 'windows-1253',
  WIN1254: 'windows-1254',
  WIN1255: 'windows-1255',
  WIN1256: 'windows-1256',
  WIN1257: 'windows-1257',
  WIN1258: 'windows-1258',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  EUC_JP: 'euc-jp',
  EUC_KR: 'euc-kr',
  EUC_CN: 'gb2312',
}

/** Text of an archive for people to read. What is not valid in its encoding is shown byte by byte. */
export function textOf(bytes: ByteText, encoding: string): string {
  // Most names are plain ASCII.
  if (!/[\x80-\xff]/.test(bytes)) return bytes
  try {
    return new TextDecoder(decoders[encoding] ?? 'utf-8', { fatal: true }).decode(
      Buffer.from(bytes, 'latin1'),
    )
  } catch {
    return bytes
  }
}

/** The other way round, for UTF-8: what a name looks like in an archive. */
export const byteText = (text: string): ByteText => Buffer.from(text).toString('latin1')
