/**
 * Checked reading of the repository's small JSON records.
 *
 * A parser takes a JSON value and the path to it, and returns it typed, or says what is wrong there. Fields that a
 * parser does not name are passed over: a later version may add some without changing the format's number.
 */
import { crc32 } from 'node:zlib'
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { formatBytes } from '../../base/units.ts'

export type Parser<T> = (value: unknown, path: string) => T
type Parsed<P> = P extends Parser<infer T> ? T : never

/** The one format that this version writes and reads. */
export const formatNumber = 1

/** Reads a whole record; `what` names the object for the message. */
export function parseRecord<T>(bytes: Uint8Array, what: string, parser: Parser<T>): T {
  const value = parseJson(bytes, what)
  checkFormat(value, what)
  const record = fitted(value, what, parser)
  // Last, since what a field has to be says more than that something is wrong.
  checkSum(bytes, what)
  return record
}

/** Records are small and read by people, too. The last field is a checksum of all that stands before it. */
export function encodeRecord<T>(record: T, parser: Parser<T>): Uint8Array {
  const text = JSON.stringify(record, null, 2)
  parser(JSON.parse(text), '')
  const body = text.slice(0, -'\n}'.length)
  return Buffer.from(`${body}${sumStart}${sumOf(Buffer.from(body))}"\n}\n`)
}

const sumStart = ',\n  "crc32": "'

/** A checksum under another name: the name itself was hit. */
const damagedSum = /,\n {2}"[^"]{5}": "[^"]{8}"\n\}\n?$/

/** A CRC finds damage; whoever can write here can also write a right one. */
const sumOf = (body: Uint8Array): string => crc32(body).toString(16).padStart(8, '0')

/** A record that somebody had to mend by hand may have none. */
function checkSum(bytes: Uint8Array, what: string): void {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const at = text.lastIndexOf(sumStart)
  if (at < 0) {
    if (damagedSum.test(text.toString('latin1'))) throw damaged(what, 'its checksum is damaged')
    return
  }
  const stated = text.toString('latin1', at + sumStart.length, at + sumStart.length + 8)
  if (stated !== sumOf(text.subarray(0, at))) throw damaged(what, 'it does not have the checksum it says')
}

function fitted<T>(value: unknown, what: string, parser: Parser<T>): T {
  try {
    return parser(value, '')
  } catch (error) {
    if (error instanceof Misfit) throw damaged(what, error.message)
    throw error
  }
}

function parseJson(bytes: Uint8Array, what: string): unknown {
  if (bytes.length > limits.recordSizeBytesMax)
    throw damaged(what, `${formatBytes(bytes.length)} are too many`)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw damaged(what, 'it is not JSON', error)
  }
}

function checkFormat(value: unknown, what: string): void {
  const format = isObject(value) ? value['format'] : undefined
  if (format === formatNumber) return
  if (typeof format !== 'number') throw damaged(what, 'it does not say its format')
  throw new Fault(
    'REPOSITORY_FORMAT',
    `${what} has format ${String(format)}, and this version reads ${String(formatNumber)}`,
    {
      hint: 'Use a newer version of Holdfast for this repository.',
    },
  )
}

function damaged(what: string, why: string, cause?: unknown): Fault {
  return new Fault('OBJECT_CORRUPT', `${what} is damaged: ${why}`, {
    hint: 'Run holdfast verify to see what else is damaged; take this object from another copy of the repository.',
    cause,
  })
}

/** A value is not what its place asks for. */
class Misfit extends Error {}

export function misfit(path: string, expected: string): never {
  throw new Misfit(`${path === '' ? 'the whole' : `"${path}"`} is not ${expected}`)
}

export function object<S extends Readonly<Record<string, Parser<unknown>>>>(
  shape: S,
): Parser<{ readonly [K in keyof S]: Parsed<S[K]> }> {
  const fields = Object.entries(shape)
  return (value, path) => {
    if (!isObject(value)) misfit(path, 'an object')
    const read = fields.map(([name, parser]) => [
      name,
      parser(value[name], path === '' ? name : `${path}.${name}`),
    ])
    return Object.fromEntries(read.filter(([, field]) => field !== undefined)) as {
      [K in keyof S]: Parsed<S[K]>
    }
  }
}

export function array<T>(item: Parser<T>): Parser<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) misfit(path, 'a list')
    return value.map((entry, i) => item(entry, `${path}[${String(i)}]`))
  }
}

export function map<T>(item: Parser<T>): Parser<Readonly<Record<string, T>>> {
  return (value, path) => {
    if (!isObject(value)) misfit(path, 'an object')
    return Object.fromEntries(
      Object.entries(value).map(([name, entry]) => [name, item(entry, `${path}.${name}`)]),
    )
  }
}

export const text: Parser<string> = (value, path) =>
  typeof value === 'string' ? value : misfit(path, 'text')

export function textLike(pattern: RegExp, what: string): Parser<string> {
  return (value, path) => (typeof value === 'string' && pattern.test(value) ? value : misfit(path, what))
}

export const flag: Parser<boolean> = (value, path) =>
  typeof value === 'boolean' ? value : misfit(path, 'true or false')

export function count(min = 0, max: number = Number.MAX_SAFE_INTEGER): Parser<number> {
  return (value, path) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
      ? value
      : misfit(path, `a whole number from ${String(min)} to ${String(max)}`)
}

export function literal<const T extends string | number>(...values: readonly T[]): Parser<T> {
  return (value, path) => values.find(known => known === value) ?? misfit(path, values.join(' or '))
}

export function nullable<T>(inner: Parser<T>): Parser<T | null> {
  return (value, path) => (value === null ? null : inner(value, path))
}

export function optional<T>(inner: Parser<T>): Parser<T | undefined> {
  return (value, path) => (value === undefined ? undefined : inner(value, path))
}

/** Adds a check over several fields. */
export function checked<T>(
  inner: Parser<T>,
  check: (record: T, fail: (path: string, expected: string) => never) => void,
): Parser<T> {
  return (value, path) => {
    const record = inner(value, path)
    check(record, (field, expected) => misfit(path === '' ? field : `${path}.${field}`, expected))
    return record
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
