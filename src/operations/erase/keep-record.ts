/** Writes down what a restore did with requests to forget: in every repository that can be written to. */
import { hostname, userInfo } from 'node:os'
import { Fault, isFault } from '../../base/fault.ts'
import { toolName } from '../../base/version.ts'
import type { World } from '../../base/world.ts'
import type { AppliedRequest, ErasureOperation } from '../../repository/format/erasure-record.ts'
import { putApplied } from '../../repository/erasures.ts'
import { erasureRunOf } from '../../repository/layout.ts'
import { isArchiveName } from '../sources/archive-name.ts'
import type { ClosedSource, Source } from '../sources/source.ts'

export interface RecordWish {
  readonly operation: ErasureOperation
  readonly from: string | undefined
  readonly requests: readonly AppliedRequest[]
  readonly skipReason?: string | undefined
}

/** Where it could not be written. Fails when that is everywhere. */
export async function keepErasureRecord(
  { world, sources }: { readonly world: World; readonly sources: readonly Source[] },
  { operation, from, requests, skipReason }: RecordWish,
  signal: AbortSignal,
): Promise<readonly ClosedSource[]> {
  const nowMs = world.clock.now()
  const run = erasureRunOf(nowMs, world.randomBytes(4))
  const failed: ClosedSource[] = []
  const repositories = sources.filter(({ name }) => !isArchiveName(name))
  for (const { name, repository } of repositories) {
    const record = {
      format: 1,
      cluster: repository.identity.cluster,
      run,
      at: new Date(nowMs).toISOString(),
      operation,
      from: from ?? null,
      host: hostname(),
      by: whoami(),
      skipReason: skipReason ?? null,
      requests,
      tool: toolName,
    } as const
    try {
      await putApplied(repository, record, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      failed.push({ name, fault: error })
    }
  }
  const [first] = failed
  if (first === undefined || failed.length < repositories.length) return failed
  throw new Fault(
    first.fault.code,
    `what was done with requests to forget could be written nowhere: ${first.fault.message}`,
    {
      hint: 'Whoever restores needs the right to write CLUSTER/erasures/applied/ in a repository: see holdfast policy iam --role restorer.',
      cause: first.fault,
    },
  )
}

export const whoami = (): string => `${userInfo().username}@${hostname()}`
