/** Whether the place refuses a second write, shows what was written, and gives back the same. */
import { isFault } from '../../../base/fault.ts'
import {
  oneAfterAnother,
  proveWriteOnce,
  racersOfDoctor,
  type WriteOnceProof,
} from '../../setup/prove-write-once.ts'
import { advice, ok, problem, type Finding } from '../finding.ts'
import type { BucketToCheck } from './check-bucket.ts'

export interface CheckedWriting {
  readonly findings: readonly Finding[]
  /** A second write was refused, a moment ago. */
  readonly isProven: boolean
}

export async function checkWriteOnce(
  { name, storage, config, repository, world }: BucketToCheck,
  signal: AbortSignal,
): Promise<CheckedWriting> {
  const looksFirst = repository.writeOnce === 'check'
  const racers = looksFirst ? oneAfterAnother : racersOfDoctor
  try {
    const proof = await proveWriteOnce(storage, config.cluster, racers, world, signal)
    const isProven = proof.put === undefined && proof.upload === undefined && !looksFirst
    return { findings: judgeProof(name, storage.location, proof, looksFirst), isProven }
  } catch (error) {
    if (!isFault(error, 'STORAGE_DENIED')) throw error
    // A restorer, or an auditor: what they lack for their role is said where rights are judged.
    const told = `these credentials do not write to repository ${name}: that it refuses a second write was not tried`
    return { findings: [ok('storage', told)], isProven: false }
  }
}

export function judgeProof(
  name: string,
  location: string,
  { put, upload, tidy, unlisted }: WriteOnceProof,
  looksFirst: boolean,
): readonly Finding[] {
  const complaint = put ?? upload
  const found: Finding[] = []
  if (complaint !== undefined)
    found.push(
      problem(
        'storage',
        `${location} does not keep what is written from being written over: ${complaint}`,
        `Use a storage that refuses a second write; or accept that only a look before each write and the lease keep two writers apart: write_once: check under repositories.${name}; see docs/rights.md.`,
      ),
    )
  else if (looksFirst)
    found.push(
      advice(
        'storage',
        `${location} is written with a look before (write_once: check): two hosts that write one object at the same moment are kept apart by nothing but the lease`,
        'Use a storage that refuses a second write by itself, and set write_once: conditional; see docs/rights.md.',
      ),
    )
  else
    found.push(
      ok(
        'storage',
        `${location} writes, reads, lists, and refuses a second write${tidy ? '' : ' (its probes stay: these credentials do not delete)'}`,
      ),
    )
  if (unlisted.length > 0)
    found.push(
      problem(
        'storage',
        `${location} did not list what was just written: ${unlisted.join(', ')}`,
        'Use a storage whose listings are up to date: a backup is found by them.',
      ),
    )
  return found
}
