/**
 * Whether a stored WAL file is what its head says. With a key (or without encryption) the bytes are opened and hashed;
 * without one, only the head can be read, and damage behind it stays unseen until somebody with a key looks.
 */
import { createHash } from 'node:crypto'
import { Fault, isFault } from '../../base/fault.ts'
import { isAge } from '../../pipeline/age.ts'
import { ByteQueue } from '../../pipeline/byte-queue.ts'
import { ageHeaderSizeBytesMax, decodeStream, readClear } from '../../pipeline/codec.ts'
import { decodeWalHead, type WalHead } from '../../repository/format/wal-head.ts'
import type { ClusterIdentity } from '../../repository/repository.ts'
import type { ObjectSource } from './object-source.ts'

export interface WalProof {
  readonly head: WalHead
  readonly isSealed: boolean
  /** Why its bytes could not be looked at; undefined when they were, and are right. */
  readonly unproven: 'no key' | 'wrong key' | undefined
}

/** OBJECT_CORRUPT when it is damaged; CLUSTER_MISMATCH when it is another cluster's. */
export async function proveWal(
  source: ObjectSource,
  name: string,
  { systemIdentifier }: Pick<ClusterIdentity, 'systemIdentifier'>,
  identities: readonly string[],
): Promise<WalProof> {
  const { head, isSealed } = await readHead(source)
  if (head.name !== name) throw corrupt(source, `it holds ${head.name}`)
  if (head.systemIdentifier !== undefined && head.systemIdentifier !== systemIdentifier)
    throw foreign(source, head.systemIdentifier, systemIdentifier)
  if (isSealed && identities.length === 0) return { head, isSealed, unproven: 'no key' }
  try {
    await proveContent(source, head, identities)
    return { head, isSealed, unproven: undefined }
  } catch (error) {
    if (isFault(error, 'KEY_WRONG')) return { head, isSealed, unproven: 'wrong key' }
    throw error
  }
}

async function readHead(source: ObjectSource): Promise<{ head: WalHead; isSealed: boolean }> {
  const queue = new ByteQueue(source.open())
  try {
    const start = await queue.peek(ageHeaderSizeBytesMax)
    const clear = start.length === 0 ? undefined : readClear(start)
    if (!clear) throw corrupt(source, 'its start is cut off')
    return { head: decodeWalHead(clear, source.key), isSealed: isAge(start) }
  } finally {
    await queue.close()
  }
}

async function proveContent(
  source: ObjectSource,
  head: WalHead,
  identities: readonly string[],
): Promise<void> {
  const digest = createHash('sha256')
  let sizeBytes = 0
  for await (const piece of decodeStream(source.open(), identities)) {
    digest.update(piece)
    sizeBytes += piece.length
  }
  if (sizeBytes !== head.sizeBytes)
    throw corrupt(source, `it holds ${String(sizeBytes)} bytes, and its head says ${String(head.sizeBytes)}`)
  if (digest.digest('hex') !== head.sha256)
    throw corrupt(source, 'its bytes do not have the SHA-256 that its head says')
}

function corrupt({ key, location }: ObjectSource, why: string): Fault {
  return new Fault('OBJECT_CORRUPT', `${key} in ${location} is damaged: ${why}`, {
    hint: 'Run `holdfast repair` with a repository that still has it.',
  })
}

function foreign({ key, location }: ObjectSource, found: string, own: string): Fault {
  return new Fault(
    'CLUSTER_MISMATCH',
    `${key} in ${location} comes from the system ${found}, and the repository is for ${own}`,
    {
      hint: 'Find out how it came there; WAL of another cluster is never copied.',
    },
  )
}
