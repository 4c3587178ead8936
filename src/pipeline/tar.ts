/**
 * Tar as POSIX.1 defines it: ustar headers, and pax records where a name or a size does not fit them. Made so that
 * the `tar` program unpacks what is written here; read back to check the structure of packs.
 *
 * An entry is a header of 512 bytes (with pax records: before it a header of type `x` and the records), the data, and zeroes
 * up to the next multiple of 512. Two blocks of zeroes end the archive.
 */
import { assert } from '../base/assert.ts'

export const tarBlockSizeBytes = 512
/** What stands at the end of an archive. */
export const tarEnd: Uint8Array = new Uint8Array(2 * tarBlockSizeBytes)

export interface TarEntry {
  readonly kind: 'file' | 'directory' | 'symlink'
  /** Relative, `/` between parts, without a slash at the end. */
  readonly path: string
  /** Zero for what is not a file. */
  readonly sizeBytes: number
  readonly modifiedMs: number
  /** Permission bits. */
  readonly mode: number
  readonly userId: number
  readonly groupId: number
  /** Of a symlink. */
  readonly linkTarget?: string
}

/** The zeroes that follow so many bytes of data. */
export function tarPaddingBytes(sizeBytes: number): number {
  return (tarBlockSizeBytes - (sizeBytes % tarBlockSizeBytes)) % tarBlockSizeBytes
}

/** All that stands before an entry's data; a multiple of 512 bytes. */
export function encodeTarHeader(entry: TarEntry): Uint8Array {
  const plain = encodePlain(entry)
  return plain ?? encodeWithPax(entry)
}

const nameSizeBytes = 100
const prefixSizeBytes = 155
const prefixAt = 345
/** Eleven octal digits. */
const sizeBytesMax = 0o77777777777
const idMax = 0o7777777
const typeFlags = { file: '0', symlink: '2', directory: '5', pax: 'x' } as const

/** A ustar header, when everything fits one. */
function encodePlain(entry: TarEntry): Uint8Array | undefined {
  const path = entry.kind === 'directory' ? `${entry.path}/` : entry.path
  const name = splitName(path)
  const fits = name && entry.sizeBytes <= sizeBytesMax && isPlain(entry.linkTarget ?? '', nameSizeBytes)
  return fits ? encodeBlock(entry, name, entry.linkTarget ?? '') : undefined
}

interface Name {
  readonly prefix: string
  readonly name: string
}

/** Cuts a path at a slash so that both parts fit their fields; other alphabets than ASCII need a pax record. */
function splitName(path: string): Name | undefined {
  if (isPlain(path, nameSizeBytes)) return { prefix: '', name: path }
  if (!isPlain(path, prefixSizeBytes + 1 + nameSizeBytes)) return undefined
  const cut = path.indexOf('/', path.length - nameSizeBytes - 1)
  if (cut <= 0 || cut > prefixSizeBytes || cut === path.length - 1) return undefined
  return { prefix: path.slice(0, cut), name: path.slice(cut + 1) }
}

const isPlain = (text: string, sizeMax: number): boolean =>
  text.length <= sizeMax && !/[^\x20-\x7e]/.test(text)

function encodeBlock(
  entry: Omit<TarEntry, 'kind'> & { kind: keyof typeof typeFlags },
  { prefix, name }: Name,
  link: string,
): Buffer {
  const block = Buffer.alloc(tarBlockSizeBytes)
  block.write(name, 0, nameSizeBytes, 'latin1')
  writeOctal(block, entry.mode & 0o7777, 100, 8)
  writeOctal(block, Math.min(entry.userId, idMax), 108, 8)
  writeOctal(block, Math.min(entry.groupId, idMax), 116, 8)
  writeOctal(block, Math.min(entry.sizeBytes, sizeBytesMax), 124, 12)
  writeOctal(block, Math.max(0, Math.floor(entry.modifiedMs / 1000)), 136, 12)
  block.write(typeFlags[entry.kind], 156, 'latin1')
  block.write(link, 157, nameSizeBytes, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  block.write(prefix, prefixAt, prefixSizeBytes, 'latin1')
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

function writeOctal(block: Buffer, value: number, at: number, width: number): void {
  block.write(value.toString(8).padStart(width - 1, '0'), at, 'latin1')
}

const checksumAt = 148
const checksumSizeBytes = 8

/** The sum of all bytes of a header, its own field taken as blanks. */
function checksumOf(block: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < tarBlockSizeBytes; i++) sum += block[i] ?? 0
  for (let i = checksumAt; i < checksumAt + checksumSizeBytes; i++) sum += 0x20 - (block[i] ?? 0)
  return sum
}

function encodeWithPax(entry: TarEntry): Uint8Array {
  const path = entry.kind === 'directory' ? `${entry.path}/` : entry.path
  const records = Buffer.from(
    paxRecord('path', path) +
      (entry.linkTarget === undefined ? '' : paxRecord('linkpath', entry.linkTarget)) +
      (entry.sizeBytes > sizeBytesMax ? paxRecord('size', String(entry.sizeBytes)) : ''),
  )
  const short = path.replaceAll(/[^\x20-\x7e]/g, '_').slice(-nameSizeBytes)
  const pax = encodeBlock(
    { ...entry, kind: 'pax', mode: 0o600, sizeBytes: records.length },
    { prefix: '', name: 'PaxHeaders/entry' },
    '',
  )
  // Programs that know pax take size, name and target from the records; a size over 8 GiB can not be told here.
  const own = encodeBlock(
    { ...entry, sizeBytes: entry.sizeBytes > sizeBytesMax ? 0 : entry.sizeBytes },
    { prefix: '', name: short },
    '',
  )
  return Buffer.concat([pax, records, Buffer.alloc(tarPaddingBytes(records.length)), own])
}

/** `<length> key=value\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  const restBytes = Buffer.byteLength(rest)
  let length = restBytes + 1
  while (String(length).length + restBytes !== length) length = String(length).length + restBytes
  return `${String(length)}${rest}`
}

export interface TarHeader {
  readonly kind: 'file' | 'directory' | 'symlink' | 'pax' | 'end'
  readonly path: string
  readonly sizeBytes: number
  readonly modifiedMs: number
  readonly mode: number
  readonly linkTarget: string
}

/** Reads one block of 512 bytes as a header; undefined when it is none that holdfast writes. */
export function decodeTarHeader(block: Uint8Array): TarHeader | undefined {
  assert(block.length === tarBlockSizeBytes, 'a header is one block')
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.length)
  const kind = kindOf(bytes)
  if (kind === undefined) return undefined
  const prefix = readText(bytes, prefixAt, prefixSizeBytes)
  const name = readText(bytes, 0, nameSizeBytes)
  const path = prefix === '' ? name : `${prefix}/${name}`
  return {
    kind,
    path: path.endsWith('/') ? path.slice(0, -1) : path,
    sizeBytes: readOctal(bytes, 124, 12),
    modifiedMs: readOctal(bytes, 136, 12) * 1000,
    mode: readOctal(bytes, 100, 8),
    linkTarget: readText(bytes, 157, nameSizeBytes),
  }
}

function kindOf(block: Buffer): TarHeader['kind'] | undefined {
  if (block.every(byte => byte === 0)) return 'end'
  if (
    readText(block, 257, 5) !== 'ustar' ||
    readOctal(block, checksumAt, checksumSizeBytes) !== checksumOf(block)
  )
    return undefined
  switch (String.fromCharCode(block[156] ?? 0)) {
    case typeFlags.file:
      return 'file'
    case typeFlags.symlink:
      return 'symlink'
    case typeFlags.directory:
      return 'directory'
    case typeFlags.pax:
      return 'pax'
    default:
      return undefined
  }
}

function readText(block: Buffer, at: number, width: number): string {
  const field = block.subarray(at, at + width)
  const end = field.indexOf(0)
  return field.toString('latin1', 0, end < 0 ? width : end)
}

const readOctal = (block: Buffer, at: number, width: number): number => {
  const text = readText(block, at, width).trim()
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : 0
}

/** Reads the records that follow a header of type `x`; undefined when they are damaged. */
export function decodePaxRecords(records: Uint8Array): Readonly<Record<string, string>> | undefined {
  const found: Record<string, string> = {}
  for (let at = 0; at < records.length;) {
    const digits = /^\d{1,9} /.exec(Buffer.from(records.subarray(at, at + 10)).toString('latin1'))?.[0]
    const length = Number(digits)
    if (digits === undefined || length <= digits.length || at + length > records.length) return undefined
    const text = Buffer.from(records.subarray(at + digits.length, at + length)).toString('utf8')
    const equals = text.indexOf('=')
    if (equals < 0 || !text.endsWith('\n')) return undefined
    found[text.slice(0, equals)] = text.slice(equals + 1, -1)
    at += length
  }
  return found
}
