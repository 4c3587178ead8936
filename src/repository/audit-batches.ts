/**
 * Copies of hosts' audit trails: entries that follow one another, in objects that are written once and sealed as everything
 * is. An object's name says which entries it holds and the hash of the last one, so that a trail can be held against its
 * copy without a key, by names alone.
 */
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { decodeStream, encodeStream, suffixOf, type Encoding } from '../pipeline/codec.ts'
import { bodyOf, type ObjectInfo } from '../storage/storage.ts'
import { auditChainPrefix, auditPrefix } from './layout.ts'
import type { Repository } from './repository.ts'

/** Everything of a chain up to this entry was let go. */
export interface TrailStart {
  readonly chain: string
  readonly n: number
  /** Of that entry, as the one behind it names it. */
  readonly hash: string
}

/** What stands in the name. */
export interface AuditBatch {
  readonly chain: string
  /** Numbers of entries. */
  readonly first: number
  readonly last: number
  /** Of the last one. */
  readonly hash: string
}

export interface StoredAuditBatch extends AuditBatch {
  readonly key: string
  readonly sizeBytes: number
}

/** In the order of their entries. Of one chain, or of all; `after`: only what comes after this key. */
export async function* auditBatches(
  { storage, identity }: Repository,
  { chain, after }: { readonly chain?: string | undefined; readonly after?: string | undefined },
  signal: AbortSignal,
): AsyncIterable<StoredAuditBatch> {
  const { cluster } = identity
  const prefix = chain === undefined ? auditPrefix(cluster) : auditChainPrefix(cluster, chain)
  for await (const { key, sizeBytes } of storage.list({ prefix, after }, signal)) {
    const batch = batchOf(cluster, key)
    if (batch) yield { ...batch, key, sizeBytes }
  }
}

/** What the repository has of trails: all that is in it, or says up to where entries were let go. */
export interface StoredTrails {
  readonly batches: readonly (StoredAuditBatch & Pick<ObjectInfo, 'modifiedMs'>)[]
  readonly starts: readonly (TrailStart & Pick<ObjectInfo, 'key' | 'sizeBytes'>)[]
}

export async function readStoredTrails(
  { storage, identity: { cluster } }: Repository,
  signal: AbortSignal,
): Promise<StoredTrails> {
  const found = await Array.fromAsync(storage.list(auditPrefix(cluster), signal))
  return {
    batches: found.flatMap(info => {
      const batch = batchOf(cluster, info.key)
      return batch ? [{ ...batch, ...info }] : []
    }),
    starts: found.flatMap(info => {
      const start = startOf(cluster, info.key)
      return start ? [{ ...start, ...info }] : []
    }),
  }
}

/** Before what it lets go is deleted. Lies in the clear, since its name says it all. */
export async function putTrailStart(
  { storage, identity: { cluster } }: Repository,
  { chain, n, hash }: TrailStart,
  signal: AbortSignal,
): Promise<void> {
  const key = `${auditChainPrefix(cluster, chain)}${String(n).padStart(digits, '0')}-${hash}.start.json`
  const text = JSON.stringify({ format: 1, cluster, chain, n, hash })
  await storage.put(key, bodyOf(Buffer.from(`${text}\n`)), signal)
}

/** Durable when it resolves. Having written it before is as good. */
export async function putAuditBatch(
  { storage, identity }: Repository,
  batch: AuditBatch,
  lines: readonly string[],
  encoding: Encoding,
  signal: AbortSignal,
): Promise<string> {
  const key = `${auditChainPrefix(identity.cluster, batch.chain)}${nameOf(batch)}${suffixOf(encoding)}`
  const plain = Buffer.from(lines.map(line => `${line}\n`).join(''))
  const pieces: Uint8Array[] = []
  // The encoder uses its buffer again.
  for await (const piece of encodeStream(once(plain), encoding)) pieces.push(Buffer.from(piece))
  await storage.put(key, bodyOf(Buffer.concat(pieces)), signal)
  return key
}

/** The lines in it. OBJECT_CORRUPT when it is not what was stored. */
export async function readAuditBatch(
  { storage }: Repository,
  { key }: StoredAuditBatch,
  identities: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for await (const piece of decodeStream(storage.get(key, undefined, signal), identities)) {
    sizeBytes += piece.length
    if (sizeBytes > limits.recordSizeBytesMax)
      throw new Fault('OBJECT_CORRUPT', `${key} is larger than a part of an audit trail can be`, {
        hint: 'Find out who wrote it: Holdfast did not.',
      })
    pieces.push(Buffer.from(piece))
  }
  return Buffer.concat(pieces).toString('utf8').split('\n').slice(0, -1)
}

const digits = 12
const nameOf = ({ first, last, hash }: AuditBatch): string =>
  `${String(first).padStart(digits, '0')}-${String(last).padStart(digits, '0')}-${hash}.jsonl`

function batchOf(cluster: string, key: string): AuditBatch | undefined {
  const [, chain = '', first, last, hash = ''] =
    /^([a-z0-9-]{1,64})\/(\d{12})-(\d{12})-([0-9a-f]{64})\.jsonl\.zst(?:\.age)?$/.exec(
      key.slice(auditPrefix(cluster).length),
    ) ?? []
  return first === undefined ? undefined : { chain, first: Number(first), last: Number(last), hash }
}

function startOf(cluster: string, key: string): TrailStart | undefined {
  const [, chain = '', n, hash = ''] =
    /^([a-z0-9-]{1,64})\/(\d{12})-([0-9a-f]{64})\.start\.json$/.exec(
      key.slice(auditPrefix(cluster).length),
    ) ?? []
  return n === undefined ? undefined : { chain, n: Number(n), hash }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
