/** One WAL file on both sides of a copy: under which name it lies there, and what it takes to bring it. */
import { walKey } from '../../repository/layout.ts'
import type { ObjectCopy } from './copy-object.ts'
import type { CopyRun } from './copy-run.ts'
import type { StoredWal } from './holdings.ts'
import type { ObjectSource } from './object-source.ts'
import type { WalProof } from './prove-wal.ts'
import { rewrappingFor, type CopySide } from './sides.ts'

export async function sameName(
  side: CopySide,
  { name, key }: StoredWal,
  signal: AbortSignal,
): Promise<StoredWal | undefined> {
  const { storage, identity } = side.repository
  const keys = [key, walKey(identity.cluster, name, key.endsWith('.age') ? '.zst' : '.zst.age')]
  for (const candidate of keys) {
    const info = await storage.stat(candidate, signal)
    if (info) return { name, key: candidate, sizeBytes: info.sizeBytes, modifiedMs: info.modifiedMs }
  }
  return undefined
}

export function walJob(
  run: CopyRun,
  side: CopySide,
  source: ObjectSource,
  { isSealed }: WalProof,
): ObjectCopy {
  const rewrapping = isSealed ? rewrappingFor(side, run.to) : undefined
  const { storage: to } = run.to.repository
  return { source, expected: undefined, rewrapping, to, arrival: run.arrival }
}
