/**
 * WAL files in a repository: one object each, written once, told apart by the hash of their bytes.
 *
 * A file may lie there sealed (`.zst.age`) or not (`.zst`), whatever today's configuration says: both names are
 * looked at, and the file must not be there twice with different bytes.
 */
import { createHash } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { Fault, isFault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { KiB, MiB } from '../base/units.ts'
import { decodeWhole, readClear, suffixOf, type Encoding } from '../pipeline/codec.ts'
import { encodeLate, type EncodeLate } from '../pipeline/encode-late.ts'
import type { Body } from '../storage/storage.ts'
import { decodeWalHead, encodeWalHead, type WalHead } from './format/wal-head.ts'
import { clusterKey, walKey } from './layout.ts'
import { readWhole } from './objects.ts'
import type { Repository } from './repository.ts'
import { listWal, surveyWal, type WalEntry, type WalRange, type WalSurvey } from './wal-list.ts'
import { openTwins } from './wal-twins.ts'

export interface WalStore {
  /** `already`: the same bytes are there. OBJECT_CONFLICT when others are. Durable either way. */
  put(file: WalFileToStore, signal: AbortSignal): Promise<'stored' | 'already'>
  /** The same, with what was encoded once for all repositories that have the same recipients. */
  putEncoded(file: EncodedWal, signal: AbortSignal): Promise<'stored' | 'already'>
  /** Undefined ONLY when the storage says that it does not exist. Checked against its head. */
  get(name: string, signal: AbortSignal): Promise<Uint8Array | undefined>
  /** Reads only the start of the object; needs no key. */
  head(name: string, signal: AbortSignal): Promise<WalHead | undefined>
  /** All WAL files, those of one timeline (its history file among them), or a range, in the order of their keys. */
  list(what: number | WalRange | undefined, signal: AbortSignal): AsyncIterable<WalEntry>
  /** Which timelines there are, without listing all of their segments. */
  survey(signal: AbortSignal): Promise<WalSurvey>
}

export interface WalFileToStore {
  readonly name: string
  /** Called once. Pieces need be valid only until the next one is asked for. */
  readonly open: () => AsyncIterable<Uint8Array>
  /** Asked for once, after the last piece. */
  readonly head: () => WalHead
}

/** A whole WAL file as it is to be stored, in memory. */
export interface EncodedWal {
  readonly head: WalHead
  readonly pieces: readonly Uint8Array[]
}

export interface WalStoreOptions {
  readonly encoding: Encoding
  /** Needed only to `get` what is encrypted. */
  readonly identities: readonly string[]
  /** How stored files are opened; absent: in this thread. */
  readonly open?: OpenWal | undefined
}

/** A stored WAL file, whole, and what opening it needs. Plain data: it is sent to worker threads. */
export interface StoredWal {
  readonly stored: Uint8Array
  readonly key: string
  readonly name: string
  readonly identities: readonly string[]
}

/** Gives the file's bytes, checked against its head. OBJECT_CORRUPT, KEY_MISSING, KEY_WRONG. */
export type OpenWal = (file: StoredWal) => Promise<Uint8Array>

/** Reads, compresses and seals; touches no repository. */
export async function encodeWalFile(
  { name, open, head: makeHead }: WalFileToStore,
  encoding: Encoding,
  encode: EncodeLate = encodeLate,
): Promise<EncodedWal> {
  let known: WalHead | undefined
  const plain = counted(open())
  const pieces = await encode(plain.stream, encoding, () => {
    known = makeHead()
    return [encodeWalHead(known)]
  })
  assert(known?.name === name && known.sizeBytes === plain.sizeBytes(), 'a head describes its file')
  return { head: known, pieces }
}

const suffixes = ['.zst.age', '.zst'] as const

export function openWalStore(
  repository: Repository,
  { encoding, identities, open = openStoredWal }: WalStoreOptions,
): WalStore {
  const { storage, identity } = repository
  const suffix = suffixOf(encoding)
  // What is configured now is looked for first: it is nearly always what is there.
  const keysOf = (name: string): readonly string[] =>
    [suffix, ...suffixes.filter(other => other !== suffix)].map(each => walKey(identity.cluster, name, each))

  const mayHaveTwin = openTwins(storage)
  const putEncoded: WalStore['putEncoded'] = async ({ head, pieces }, signal) => {
    assertOwn(repository, head)
    const [key = '', otherKey = ''] = keysOf(head.name)
    const twin = (await mayHaveTwin(otherKey, signal))
      ? await readHead(repository, otherKey, signal)
      : undefined
    if (twin) return assertSame(repository, twin, head, otherKey)
    if ((await storage.put(key, bodyOfPieces(pieces), signal)) === 'written') return 'stored'
    const there = await readHead(repository, key, signal)
    if (there) return assertSame(repository, there, head, key)
    throw vanished(repository, key)
  }

  return {
    putEncoded,
    put: async (file, signal) => putEncoded(await encodeWalFile(file, encoding), signal),

    async get(name, signal) {
      for (const key of keysOf(name)) {
        const stored = await readWhole(storage, key, storedSizeBytesMax, signal)
        if (stored) return open({ stored, key, name, identities })
      }
      await assertPresent(repository, signal)
      return undefined
    },

    async head(name, signal) {
      for (const key of keysOf(name)) {
        const head = await readHead(repository, key, signal)
        if (head && head.name !== name) throw misplaced(key, head)
        if (head) return head
      }
      await assertPresent(repository, signal)
      return undefined
    },

    list: (what, signal) => listWal(repository, what, signal),
    survey: signal => surveyWal(repository, signal),
  }
}

/** Compressing can make bytes that can not be compressed a little larger; so do seals. */
const storedSizeBytesMax = limits.walSegmentSizeBytesMax + 16 * MiB
/** Enough for the head of an object sealed to a few recipients; tried first. */
const headSizeBytesUsual = 4 * KiB
const headSizeBytesMax = 256 * KiB

async function readHead(
  repository: Repository,
  key: string,
  signal: AbortSignal,
): Promise<WalHead | undefined> {
  for (const sizeBytes of [headSizeBytesUsual, headSizeBytesMax]) {
    const start = await readStart(repository, key, sizeBytes, signal)
    if (!start) return undefined
    const head = headAt(start, key)
    if (head) return head
  }
  throw corrupt(key, 'its start is cut off')
}

async function readStart(
  { storage }: Repository,
  key: string,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  try {
    return Buffer.concat(
      await Array.fromAsync(storage.get(key, { startBytes: 0, endBytes: sizeBytes }, signal)),
    )
  } catch (error) {
    if (isFault(error, 'OBJECT_MISSING')) return undefined
    throw error
  }
}

/** Opens the object, and compares what comes out with its head. `room`: the bytes may lie there, if they fit. */
export async function openStoredWal(
  { stored, key, name, identities }: StoredWal,
  room?: ArrayBuffer,
): Promise<Uint8Array<ArrayBuffer>> {
  const head = headAt(stored, key)
  if (!head) throw corrupt(key, 'its start is cut off')
  if (head.name !== name) throw misplaced(key, head)
  const { sizeBytes } = head
  const fits = room !== undefined && room.byteLength >= sizeBytes
  const bytes = new Uint8Array(fits ? room : new ArrayBuffer(sizeBytes), 0, sizeBytes)
  const digest = createHash('sha256')
  const filled = await decodeWhole(stored, identities, bytes, piece => digest.update(piece)).catch(
    (error: unknown) => {
      throw naming(key, error)
    },
  )
  if (filled !== sizeBytes)
    throw corrupt(key, `it holds ${String(filled)} bytes, and its head says ${String(sizeBytes)}`)
  if (digest.digest('hex') !== head.sha256)
    throw corrupt(key, 'its bytes do not have the SHA-256 that its head says')
  return bytes
}

/** Undefined when `start` ends before the head does. */
function headAt(start: Uint8Array, key: string): WalHead | undefined {
  try {
    const clear = start.length === 0 ? [] : readClear(start)
    return clear && decodeWalHead(clear, key)
  } catch (error) {
    throw naming(key, error)
  }
}

/** The codec does not know which object it reads. */
function naming(key: string, error: unknown): unknown {
  if (!isFault(error) || error.message.includes(key)) return error
  return new Fault(error.code, `${key}: ${error.message}`, { hint: error.hint, cause: error })
}

/** PostgreSQL takes "does not exist" as the end of the WAL, so an empty mount point must not be able to say it. */
async function assertPresent({ storage, identity }: Repository, signal: AbortSignal): Promise<void> {
  if (await storage.stat(clusterKey(identity.cluster), signal)) return
  throw new Fault('STORAGE_UNAVAILABLE', `the repository in ${storage.location} is gone`, {
    hint: 'Check that its disk is mounted; what was a repository a moment ago is an empty place now.',
  })
}

function assertOwn({ identity, storage }: Repository, { systemIdentifier, name }: WalHead): void {
  if (systemIdentifier === undefined || systemIdentifier === identity.systemIdentifier) return
  throw new Fault(
    'CLUSTER_MISMATCH',
    `${name} comes from the system ${systemIdentifier}, and "${identity.cluster}" in ${storage.location} is ${identity.systemIdentifier}`,
    {
      hint: 'Give each server a cluster name of its own. A restored copy must not archive into the WAL of its origin.',
    },
  )
}

function assertSame({ storage }: Repository, there: WalHead, given: WalHead, key: string): 'already' {
  if (there.name === given.name && there.sizeBytes === given.sizeBytes && there.sha256 === given.sha256)
    return 'already'
  throw new Fault(
    'OBJECT_CONFLICT',
    `${key} in ${storage.location} holds other bytes than the ${given.name} to be stored`,
    {
      hint:
        'Find the second server that archives here: two copies of a cluster on one timeline write different WAL under one name. ' +
        'Give one of them its own cluster name, or turn its archiving off.',
    },
  )
}

function misplaced(key: string, head: WalHead): Fault {
  return corrupt(key, `it holds ${head.name}`)
}

function vanished({ storage }: Repository, key: string): Fault {
  return new Fault('STORAGE_UNAVAILABLE', `${key} in ${storage.location} was there, and is gone`, {
    hint: 'Find out what deletes WAL from the repository, and push again.',
  })
}

function corrupt(key: string, why: string): Fault {
  return new Fault('OBJECT_CORRUPT', `${key} is damaged: ${why}`, {
    hint: 'Run holdfast verify to see what else is damaged; another copy of the repository may still have this file.',
  })
}

function bodyOfPieces(pieces: readonly Uint8Array[]): Body {
  return {
    sizeBytes: pieces.reduce((sum, { length }) => sum + length, 0),
    async *open() {
      yield* pieces
    },
  }
}

function counted(stream: AsyncIterable<Uint8Array>): {
  stream: AsyncIterable<Uint8Array>
  sizeBytes(): number
} {
  let sizeBytes = 0
  async function* counting(): AsyncGenerator<Uint8Array> {
    for await (const piece of stream) {
      sizeBytes += piece.length
      yield piece
    }
  }
  return { stream: counting(), sizeBytes: () => sizeBytes }
}
