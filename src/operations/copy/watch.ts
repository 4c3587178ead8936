/**
 * `copy --watch`: a copy that goes on. Looks for what is new every few seconds, by listing only behind what it knows; and at
 * everything now and then, so that what came out of order is not missed for long.
 */
import { isFault, type Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { silentProgress } from '../../base/progress.ts'
import { walPrefix } from '../../repository/layout.ts'
import type { Storage } from '../../storage/storage.ts'
import { copyPass, openDestination, type CopyDeps, type CopyOptions, type OpenDestination } from './copy.ts'
import type { CopyReport } from './report.ts'

export interface WatchDeps extends CopyDeps {
  /** What one look brought; not called when there was nothing new. The next look waits for it. */
  readonly onCopied: (report: CopyReport) => void | Promise<void>
  /** The storage can not be reached, or somebody else is at work there: it is tried again. */
  readonly onTrouble: (fault: Fault) => void
}

export type WatchOptions = Pick<CopyOptions, 'wal' | 'backups' | 'dumps' | 'unwantedOf'>

/** What is known between two looks. */
interface Watching {
  destination: OpenDestination
  /** Looks go on behind this key of the WAL. */
  edge: string | undefined
  fullPassAtMs: number
  /** What could not be copied is tried again with the next look at everything: each try reads it. */
  failed: ReadonlySet<string>
}

/** Ends, without an error, when `signal` aborts; throws what waiting can not mend. */
export async function watchCopy(deps: WatchDeps, options: WatchOptions, signal: AbortSignal): Promise<void> {
  let watching: Watching | undefined
  const isOver = (): boolean => signal.aborted
  for (let troubles = 0; !isOver();) {
    try {
      watching = await look(deps, options, watching, signal)
      troubles = 0
    } catch (error) {
      if (isOver()) return
      if (!isFault(error) || !error.retry) throw error
      deps.onTrouble(error)
      watching = undefined
      troubles++
    }
    await pause(deps, Math.min(limits.copyFullPassMs, limits.copyPollMs * 2 ** Math.min(troubles, 7)), signal)
  }
}

async function look(
  deps: WatchDeps,
  options: WatchOptions,
  known: Watching | undefined,
  signal: AbortSignal,
): Promise<Watching> {
  const nowMs = deps.world.clock.monotonicMs()
  const isDue = known === undefined || nowMs - known.fullPassAtMs >= limits.copyFullPassMs
  const destination = isDue ? await openDestination(deps, false, signal) : known.destination
  const since = isDue ? undefined : { after: known.edge }
  const quiet = { ...deps, progress: silentProgress }
  const avoided = isDue ? undefined : known.failed
  const request = { ...options, ids: undefined, dryRun: false, since, avoided }
  const report = await copyPass(quiet, destination, request, signal)
  if (report.copied.objects + report.problems.length + report.cold.length > 0) await deps.onCopied(report)
  const failed = new Set([...(avoided ?? []), ...lastingProblems(report)])
  const prefix = walPrefix(deps.from.repository.identity.cluster)
  const edge = await edgeBehind(deps.to.storage, { prefix, after: since?.after }, signal)
  return { destination, edge: edge ?? since?.after, failed, fullPassAtMs: isDue ? nowMs : known.fullPassAtMs }
}

/** Somebody who works there now is done soon. */
function lastingProblems({ problems, cold }: CopyReport): readonly string[] {
  return [
    ...problems
      .filter(({ code }) => !['REPOSITORY_LOCKED', 'LEASE_LOST'].includes(code))
      .map(({ what }) => what),
    ...cold.flatMap(({ what, objects }) => [what, ...objects.map(({ key }) => key)]),
  ]
}

/** Some files before the newest one, since WAL may arrive out of order. What is older is seen by the next look at everything. */
async function edgeBehind(
  storage: Storage,
  range: { readonly prefix: string; readonly after: string | undefined },
  signal: AbortSignal,
): Promise<string | undefined> {
  const newest: string[] = []
  for await (const { key } of storage.list(range, signal)) {
    newest.push(key)
    if (newest.length > limits.copyPollOverlapFiles) newest.shift()
  }
  return newest.length < limits.copyPollOverlapFiles ? undefined : newest[0]
}

async function pause({ world }: CopyDeps, durationMs: number, signal: AbortSignal): Promise<void> {
  try {
    await world.clock.sleep(durationMs, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
