/** The requests to forget a person, as a restore has to look at them. */
import { isFault } from '../base/fault.ts'
import { openErasures, uniteErasures, type OpenedErasure } from '../operations/erase/open-erasures.ts'
import { keepErasureRecord } from '../operations/erase/keep-record.ts'
import type { ClosedSource, Source } from '../operations/sources/source.ts'
import { holdsErasure, type ReachedPoints } from '../policy/erasures.ts'
import type { ErasureOperation } from '../repository/format/erasure-record.ts'
import type { CommandContext } from './context.ts'
import { openSources } from './sources.ts'

export interface ErasuresAhead {
  /** All that were not withdrawn, oldest first. */
  readonly requests: readonly OpenedErasure[]
  /** Those that the planned state does not surely hold. */
  readonly pending: readonly OpenedErasure[]
  /** Of these repositories they could not be read. */
  readonly unread: readonly ClosedSource[]
  /** Where what comes of them is written down. */
  readonly sources: readonly Source[]
  /** They are not applied, because somebody said so. */
  readonly skipReason: string | undefined
}

export interface ErasureWords {
  readonly without?: readonly string[]
  readonly asOf?: number | undefined
  readonly skipErasures: string | undefined
}

/** `sources`: those of the restore, which may show the repositories as they were long ago. */
export async function erasuresAhead(
  context: CommandContext,
  sources: readonly Source[],
  reached: ReachedPoints,
  { without = [], asOf, skipErasures }: ErasureWords,
): Promise<ErasuresAhead> {
  const { signal, output } = context
  const present = asOf === undefined ? [] : await presentSources(context, without)
  const united = await uniteErasures([...present, ...sources], signal)
  for (const { name, fault } of united.unread)
    output.warn(
      `repository ${name}: requests to forget a person could not be read, and what only it holds is not applied: ${fault.message}`,
    )
  const requests = await openErasures(united, signal)
  return {
    requests,
    pending: requests.filter(({ record }) => !holdsErasure(reached, record)),
    unread: united.unread,
    sources: asOf === undefined ? sources : present,
    skipReason: skipErasures,
  }
}

/** Whoever restores an older state of the buckets must not forget the requests that came since. */
async function presentSources(
  context: CommandContext,
  without: readonly string[],
): Promise<readonly Source[]> {
  try {
    return (await openSources(context, { without }, { keys: true })).open
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isFault(error)) throw error
    context.output.warn(
      `the repositories can not be read as they are now, so requests to forget a person are those of that time: ${error.message}`,
    )
    return []
  }
}

/** Written before anything is opened; who can write it nowhere does not skip them. */
export async function noteSkipped(
  { world, signal, log, output, enter }: CommandContext,
  { pending, sources, skipReason }: ErasuresAhead,
  about: { readonly operation: ErasureOperation; readonly from: string | undefined },
): Promise<void> {
  if (skipReason === undefined || pending.length === 0) return
  const requests = pending.map(({ record }) => ({
    id: record.id,
    outcome: 'skipped' as const,
    statements: [],
  }))
  await keepErasureRecord({ world, sources }, { ...about, requests, skipReason }, signal)
  for (const { id } of requests)
    await enter('erasure', { request: id, outcome: 'skipped', from: about.from ?? '', reason: skipReason })
  log.warn('erasure.skipped', { requests: pending.length, reason: skipReason })
  output.warn(`${String(pending.length)} requests to forget a person are not applied: ${skipReason}`)
}

/** Who might be a superuser in what is restored. The secret of the connection need not be at hand where restores run. */
export async function likelyUsers({ connectionTarget, signal }: CommandContext): Promise<readonly string[]> {
  try {
    const { user } = await connectionTarget()
    return user === undefined ? [] : [user]
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error)) throw error
    return []
  }
}
