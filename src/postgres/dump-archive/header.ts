/** The header of an archive, and the way back. */
import { limits } from '../../base/limits.ts'
import { Fault } from '../../base/fault.ts'
import { invalidArchive, type ArchiveFormat, type ArchiveHeader } from './archive.ts'
import { offsetBytes, type ValueReader, type ValueWriter } from './values.ts'

const magic = 'PGDMP'
const major = 1
const minors = { oldest: 14, newest: 16 } as const
/** From this one on the header names an algorithm instead of zlib's level. */
const minorWithAlgorithm = 15
const integerSizeBytes = 4

/** A directory's `toc.dat` says that it is a tar archive, whose TOC is the same. */
const formatCodes: Readonly<Record<ArchiveFormat, number>> = { custom: 1, directory: 3 }

export function readHeader(reader: ValueReader): ArchiveHeader {
  for (const character of magic)
    if (reader.byte() !== character.charCodeAt(0))
      throw invalidArchive(`it does not begin with ${magic}, as custom archives do`)
  const version = [reader.byte(), reader.byte(), reader.byte()] as const
  const [, minor, revision] = version
  if (version[0] !== major || minor < minors.oldest || minor > minors.newest) throw unknownVersion(version)
  const integerSize = reader.byte()
  const offsetSize = reader.byte()
  if (integerSize !== integerSizeBytes || offsetSize !== offsetBytes)
    throw invalidArchive(
      `its integers have ${String(integerSize)} bytes and its offsets ${String(offsetSize)}`,
    )
  const code = reader.byte()
  const format = code === formatCodes.custom ? 'custom' : 'directory'
  if (formatCodes[format] !== code) throw invalidArchive(`its format has the number ${String(code)}`)
  return {
    minor,
    revision,
    format,
    compression: minor >= minorWithAlgorithm ? reader.byte() : reader.integer(),
    createdAt: Array.from({ length: timeFields }, () => reader.integer()),
    database: reader.text(limits.dumpTextSizeBytesMax),
    serverVersion: reader.text(limits.dumpTextSizeBytesMax),
    dumpVersion: reader.text(limits.dumpTextSizeBytesMax),
  }
}

const timeFields = 7

export function writeHeader(header: ArchiveHeader, writer: ValueWriter): void {
  writer.raw(Buffer.from(magic))
  for (const byte of [major, header.minor, header.revision, integerSizeBytes, offsetBytes]) writer.byte(byte)
  writer.byte(formatCodes[header.format])
  if (header.minor >= minorWithAlgorithm) writer.byte(header.compression)
  else writer.integer(header.compression)
  for (const field of header.createdAt) writer.integer(field)
  for (const text of [header.database, header.serverVersion, header.dumpVersion]) writer.text(text)
}

function unknownVersion([first, minor]: readonly [number, number, number]): Fault {
  const isNewer = first > major || (first === major && minor > minors.newest)
  return new Fault(
    'DUMP_INVALID',
    `the dump archive has version ${String(first)}.${String(minor)}; 1.${String(minors.oldest)} to 1.${String(minors.newest)} are known`,
    {
      hint: isNewer
        ? 'Upgrade Holdfast to a release that knows this version of pg_dump.'
        : 'Use a pg_dump of PostgreSQL 14 or newer.',
    },
  )
}
