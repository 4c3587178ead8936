/**
 * Brings one object from one storage to another: as a stream, with its hash computed on the way, compared with what it
 * has to be before anything can be seen, and proven where it arrived.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Progress } from '../../base/progress.ts'
import { rewrapStream, type Rewrapping } from '../../pipeline/age-rewrap.ts'
import type { StoredStream } from '../../repository/stored-stream.ts'
import type { Storage } from '../../storage/storage.ts'
import { createMeter, isSame, measure, metered, type ObjectSource } from './object-source.ts'

export interface ObjectCopy {
  readonly source: ObjectSource
  /** What the source's object has to be, where that is known. */
  readonly expected: StoredStream | undefined
  /** `undefined`: byte by byte. */
  readonly rewrapping: Rewrapping | undefined
  readonly to: Storage
  readonly arrival: Arrival
}

/** How it is known that what arrived is what was sent: the server compared a checksum, or it is read back. */
export type Arrival = 'server checks' | 'read back'

export type CopiedObject =
  | { readonly outcome: 'copied' | 'there'; readonly stored: StoredStream }
  /** The source's object is not what it has to be, so nothing was written: another source may do. */
  | { readonly outcome: 'unfit'; readonly fault: Fault }

export async function arrivalAt(storage: Storage, signal: AbortSignal): Promise<Arrival> {
  const { checksWrites } = await storage.traits(signal)
  return checksWrites === true ? 'server checks' : 'read back'
}

/** Throws only what has nothing to do with the source's object. */
export async function copyObject(
  job: ObjectCopy,
  progress: Pick<Progress, 'advance'>,
  signal: AbortSignal,
): Promise<CopiedObject> {
  for (let attempt = 1; ; attempt++) {
    const sent = await send(job, progress, signal)
    if (sent.outcome !== 'copied') return sent
    const arrived = await hasArrived(job, sent.stored, signal)
    if (arrived) return sent
    // Ours, written a moment ago, and never right: nobody can have relied on it.
    await job.to.delete([job.source.key], signal)
    if (attempt >= limits.copyAttemptsMax) throw garbled(job)
  }
}

/** Whether the other side holds just what a copy would write: asked of what was there before. */
export async function compareObject(
  job: ObjectCopy,
  signal: AbortSignal,
): Promise<CopiedObject | 'different'> {
  const wanted = await wantedOf(job)
  if ('outcome' in wanted) return wanted
  const there = await measure(job.to.get(job.source.key, undefined, signal))
  return isSame(there, wanted) ? { outcome: 'there', stored: wanted } : 'different'
}

/** What a copy would write. Byte by byte that is known already where the hash is; else the source is read. */
export async function wantedOf({
  source,
  expected,
  rewrapping,
}: ObjectCopy): Promise<StoredStream | { readonly outcome: 'unfit'; readonly fault: Fault }> {
  if (expected && !rewrapping) return expected
  try {
    const read = createMeter()
    const made = await measure(resealed(metered(source.open(), read), rewrapping))
    assertExpected(source, read.end(), expected)
    return made
  } catch (error) {
    return unfit(source, error)
  }
}

async function send(
  { source, expected, rewrapping, to }: ObjectCopy,
  progress: Pick<Progress, 'advance'>,
  signal: AbortSignal,
): Promise<CopiedObject> {
  const writer = await to.create(source.key, signal)
  const written = createMeter()
  // Byte by byte, what is read is what is written, and hashing is most of the work.
  const read = rewrapping && expected ? createMeter() : undefined
  const opened = read ? metered(source.open(), read) : source.open()
  const pieces = resealed(opened, rewrapping)[Symbol.asyncIterator]()
  try {
    for (;;) {
      const piece = await nextOf(pieces)
      if ('fault' in piece) {
        await writer.abort()
        return unfit(source, piece.fault)
      }
      if (piece.done === true) break
      written.add(piece.value)
      await writer.write(piece.value)
      progress.advance(piece.value.length)
    }
    const stored = written.end()
    const damage = differenceFrom(source, read?.end() ?? stored, expected)
    if (damage) {
      await writer.abort()
      return { outcome: 'unfit', fault: damage }
    }
    if ((await writer.commit()) === 'written') return { outcome: 'copied', stored }
    return await takenBy(to, source.key, stored, signal)
  } catch (error) {
    await pieces.return?.(undefined)
    await writer.abort()
    throw error
  }
}

/** What fails while it is read is the source's; what fails while it is written is not. */
async function nextOf(
  pieces: AsyncIterator<Uint8Array>,
): Promise<IteratorResult<Uint8Array> | { readonly fault: unknown }> {
  try {
    return await pieces.next()
  } catch (fault) {
    return { fault }
  }
}

/** As it is written: byte by byte, or with its key wrapped anew. */
export function resealed(
  stored: AsyncIterable<Uint8Array>,
  rewrapping: Rewrapping | undefined,
): AsyncIterable<Uint8Array> {
  return rewrapping ? rewrapStream(stored, rewrapping) : stored
}

/** A copy that goes on at the same time, or our own first try, was faster. */
async function takenBy(
  to: Storage,
  key: string,
  stored: StoredStream,
  signal: AbortSignal,
): Promise<CopiedObject> {
  const there = await measure(to.get(key, undefined, signal))
  if (isSame(there, stored)) return { outcome: 'there', stored }
  throw new Fault('OBJECT_CONFLICT', `${key} is in ${to.location} already, with other bytes`, {
    hint: 'Run `holdfast verify` on both repositories to see which one is right, then `holdfast repair` for the other.',
  })
}

async function hasArrived(
  { source, to, arrival }: ObjectCopy,
  sent: StoredStream,
  signal: AbortSignal,
): Promise<boolean> {
  if (arrival === 'server checks') return (await to.stat(source.key, signal))?.sizeBytes === sent.sizeBytes
  return isSame(await measure(to.get(source.key, undefined, signal)), sent)
}

/** Faults of the object; anything else (no connection, no rights) is thrown. */
function unfit(source: ObjectSource, error: unknown): { readonly outcome: 'unfit'; readonly fault: Fault } {
  if (!isFault(error, 'OBJECT_CORRUPT', 'OBJECT_MISSING', 'OBJECT_COLD', 'KEY_WRONG')) throw error
  if (error.message.includes(source.key)) return { outcome: 'unfit', fault: error }
  const { code, hint, message } = error
  const fault = new Fault(code, `${source.key} in ${source.location}: ${message}`, { hint, cause: error })
  return { outcome: 'unfit', fault }
}

function assertExpected(source: ObjectSource, read: StoredStream, expected: StoredStream | undefined): void {
  const damage = differenceFrom(source, read, expected)
  if (damage) throw damage
}

function differenceFrom(
  { key, location }: ObjectSource,
  read: StoredStream,
  expected: StoredStream | undefined,
): Fault | undefined {
  if (!expected || isSame(read, expected)) return undefined
  const what =
    read.sizeBytes === expected.sizeBytes
      ? 'its SHA-256 is not the one that backup.json says'
      : `it has ${String(read.sizeBytes)} bytes instead of ${String(expected.sizeBytes)}`
  return new Fault('OBJECT_CORRUPT', `${key} in ${location} is damaged: ${what}`, {
    hint: 'Run `holdfast repair` with a repository that still has it, or make a new backup.',
  })
}

function garbled({ source, to }: ObjectCopy): Fault {
  const times = `${String(limits.copyAttemptsMax)} times`
  return new Fault(
    'STORAGE_UNAVAILABLE',
    `${source.key} arrived in ${to.location} with other bytes than were sent, ${times}`,
    {
      hint: 'Look at the disk, the memory and the network of that storage: it changes what it is given. Nothing of it was kept.',
    },
  )
}
