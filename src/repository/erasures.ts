/** Requests to forget a person: written once to a repository, read from it, withdrawn; and what restores did with them. */
import { Fault, isFault } from '../base/fault.ts'
import { inParallel } from '../base/in-parallel.ts'
import { limits } from '../base/limits.ts'
import { decodeStream, encodeStream, suffixOf, type Encoding } from '../pipeline/codec.ts'
import type { Storage } from '../storage/storage.ts'
import {
  appliedCodec,
  erasureCodec,
  erasureIdPattern,
  erasureSecretCodec,
  withdrawalCodec,
  withdrawalSecretCodec,
  type AppliedRecord,
  type ErasureRecord,
  type ErasureSecret,
  type RecordCodec,
  type WithdrawalRecord,
  type WithdrawalSecret,
} from './format/erasure-record.ts'
import {
  erasureAppliedKey,
  erasureKey,
  erasureName,
  erasureRequestsPrefix,
  erasuresAppliedPrefix,
  erasureSecretName,
  withdrawalName,
  withdrawalSecretName,
} from './layout.ts'
import { readWhole, writeOnce } from './objects.ts'
import type { Repository } from './repository.ts'

/** The sealed part first: a request is there when its record is. */
export async function putErasure(
  repository: Repository,
  encoding: Encoding,
  { record, secret }: { readonly record: ErasureRecord; readonly secret: ErasureSecret },
  signal: AbortSignal,
): Promise<void> {
  const key = (name: string): string => erasureKey(repository.identity.cluster, record.id, name)
  const sealed = await encode(erasureSecretCodec.encode(secret), encoding)
  await put(repository, key(erasureSecretName(suffixOf(encoding))), sealed, signal)
  await put(repository, key(erasureName), erasureCodec.encode(record), signal)
}

export async function putWithdrawal(
  repository: Repository,
  encoding: Encoding,
  { record, secret }: { readonly record: WithdrawalRecord; readonly secret: WithdrawalSecret },
  signal: AbortSignal,
): Promise<void> {
  const key = (name: string): string => erasureKey(repository.identity.cluster, record.id, name)
  const sealed = await encode(withdrawalSecretCodec.encode(secret), encoding)
  await put(repository, key(withdrawalSecretName(suffixOf(encoding))), sealed, signal)
  await put(repository, key(withdrawalName), withdrawalCodec.encode(record), signal)
}

export async function putApplied(
  repository: Repository,
  record: AppliedRecord,
  signal: AbortSignal,
): Promise<void> {
  const key = erasureAppliedKey(repository.identity.cluster, record.run)
  await put(repository, key, appliedCodec.encode(record), signal)
}

export interface KnownErasure {
  readonly record: ErasureRecord
  readonly withdrawal: WithdrawalRecord | undefined
  /** Key of the sealed part; undefined: it is not there. */
  readonly secretKey: string | undefined
  readonly reasonKey: string | undefined
}

/** Oldest first. Fails when one can not be read: nobody knows then who is to be forgotten. */
export async function readErasures(
  repository: Repository,
  signal: AbortSignal,
): Promise<readonly KnownErasure[]> {
  const { storage, identity } = repository
  const names = new Map<string, string[]>()
  const prefix = erasureRequestsPrefix(identity.cluster)
  for await (const { key } of storage.list(prefix, signal)) {
    const [id = '', name = ''] = key.slice(prefix.length).split('/')
    if (erasureIdPattern.test(id)) names.set(id, [...(names.get(id) ?? []), name])
  }
  const known = new Map<string, KnownErasure>()
  const whole = [...names].filter(([, there]) => there.includes(erasureName))
  const readOne = async (
    [id, there]: readonly [string, readonly string[]],
    stop: AbortSignal,
  ): Promise<void> => {
    const keyOf = (pattern: RegExp): string | undefined => {
      const name = there.find(one => pattern.test(one))
      return name === undefined ? undefined : erasureKey(identity.cluster, id, name)
    }
    const record = await readRecord(repository, id, erasureName, erasureCodec, stop)
    if (!record) return
    known.set(id, {
      record,
      withdrawal: there.includes(withdrawalName)
        ? await readRecord(repository, id, withdrawalName, withdrawalCodec, stop)
        : undefined,
      secretKey: keyOf(/^statements\.json\.zst(\.age)?$/),
      reasonKey: keyOf(/^reason\.json\.zst(\.age)?$/),
    })
  }
  await inParallel(whole, limits.erasuresReadParallel, readOne, signal)
  return [...known.values()].toSorted((a, b) => (a.record.id < b.record.id ? -1 : 1))
}

/** KEY_MISSING and KEY_WRONG without a key that fits. */
export async function readErasureSecret(
  { storage }: Repository,
  { record, secretKey }: Pick<KnownErasure, 'record' | 'secretKey'>,
  identities: readonly string[],
  signal: AbortSignal,
): Promise<ErasureSecret> {
  if (secretKey === undefined)
    throw new Fault('OBJECT_MISSING', `what request ${record.id} says is not in ${storage.location}`, {
      hint: 'Fill this repository with holdfast copy from one that has it; or read it from there: --without NAME.',
    })
  return open(storage, secretKey, { id: record.id, codec: erasureSecretCodec, identities }, signal)
}

export async function readWithdrawalReason(
  { storage }: Repository,
  { record, reasonKey }: KnownErasure,
  identities: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  if (reasonKey === undefined) return undefined
  const how = { id: record.id, codec: withdrawalSecretCodec, identities }
  return (await open(storage, reasonKey, how, signal)).reason
}

/** Oldest first. One that is damaged is told and passed over: it is evidence, and nothing depends on it. */
export async function readApplied(
  { storage, identity }: Repository,
  signal: AbortSignal,
): Promise<{ readonly records: readonly AppliedRecord[]; readonly damaged: readonly Fault[] }> {
  const keys: string[] = []
  for await (const { key } of storage.list(erasuresAppliedPrefix(identity.cluster), signal)) keys.push(key)
  const records: AppliedRecord[] = []
  const damaged: Fault[] = []
  const readOne = async (key: string, stop: AbortSignal): Promise<void> => {
    try {
      const bytes = await readWhole(storage, key, limits.recordSizeBytesMax, stop)
      if (bytes) records.push(appliedCodec.parse(bytes, key))
    } catch (error) {
      if (!isFault(error, 'OBJECT_CORRUPT', 'REPOSITORY_FORMAT')) throw error
      damaged.push(error)
    }
  }
  await inParallel(keys, limits.erasuresReadParallel, readOne, signal)
  return { records: records.toSorted((a, b) => (a.run < b.run ? -1 : 1)), damaged }
}

async function put(
  { storage }: Repository,
  key: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  // Sealed bytes differ each time; a name of the same id with others is another request's.
  if ((await writeOnce(storage, key, bytes, signal)) !== 'other') return
  throw new Fault('OBJECT_CONFLICT', `${storage.location} has another ${key} already`, {
    hint: 'Look with holdfast erase list what is there; nothing was replaced.',
  })
}

async function readRecord<T extends { readonly id: string; readonly cluster: string }>(
  { storage, identity }: Repository,
  id: string,
  name: string,
  codec: RecordCodec<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  const key = erasureKey(identity.cluster, id, name)
  const bytes = await readWhole(storage, key, limits.recordSizeBytesMax, signal)
  if (!bytes) return undefined
  const record = codec.parse(bytes, key)
  if (record.id === id && record.cluster === identity.cluster) return record
  throw moved(key, `${record.cluster}/${record.id}`)
}

async function encode(bytes: Uint8Array, encoding: Encoding): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of encodeStream(once(bytes), encoding)) pieces.push(Uint8Array.from(piece))
  return Buffer.concat(pieces)
}

async function open<T extends { readonly id: string }>(
  storage: Storage,
  key: string,
  { id, codec, identities }: { id: string; codec: RecordCodec<T>; identities: readonly string[] },
  signal: AbortSignal,
): Promise<T> {
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for await (const piece of decodeStream(storage.get(key, undefined, signal), identities)) {
    sizeBytes += piece.length
    if (sizeBytes > limits.recordSizeBytesMax) throw moved(key, 'something far larger')
    pieces.push(Uint8Array.from(piece))
  }
  const secret = codec.parse(Buffer.concat(pieces), key)
  if (secret.id === id) return secret
  throw moved(key, secret.id)
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}

const moved = (key: string, what: string): Fault =>
  new Fault('OBJECT_CORRUPT', `${key} is damaged: it is that of ${what}`, {
    hint: 'Find out who moved objects inside the repository, and move this one back.',
  })
