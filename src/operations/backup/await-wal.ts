/**
 * The end of a base backup: waiting until the WAL that it needs is in the repository.
 *
 * The wait goes on as long as archiving makes progress, however far behind it is. When nothing moves any more, it ends
 * with a fault that names the cause, as far as the server knows it.
 */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Progress } from '../../base/progress.ts'
import { formatDuration } from '../../base/units.ts'
import type { Clock } from '../../base/world.ts'
import { parseSegmentName, segmentName } from '../../wal/segment.ts'

/** The segments from `first` to `last`, both included; they are on one timeline. */
export interface SegmentSpan {
  readonly first: string
  readonly last: string
  readonly segmentSizeBytes: number
}

export interface WalWaitDeps {
  readonly clock: Clock
  readonly progress: Progress
  /** Whether a segment is in the repository. */
  readonly isStored: (name: string, signal: AbortSignal) => Promise<boolean>
  /** What the server archived last; asked only to see that it moves. */
  readonly lastArchived: (signal: AbortSignal) => Promise<string | undefined>
  /** Why archiving does not move, for the fault. */
  readonly diagnose: (
    signal: AbortSignal,
  ) => Promise<{ readonly message: string; readonly hint: string } | undefined>
  /** Give up after so long without any progress. */
  readonly stallMsMax: number
}

export function* segmentsOf({ first, last, segmentSizeBytes }: SegmentSpan): Iterable<string> {
  const { timeline, number: start } = parseSegmentName(first, segmentSizeBytes)
  const { number: end } = parseSegmentName(last, segmentSizeBytes)
  for (let number = start; number <= end; number++) yield segmentName({ timeline, number }, segmentSizeBytes)
}

/** Returns when every segment is stored. WAL_TIMEOUT when archiving has stood still for too long. */
export async function awaitWal(deps: WalWaitDeps, span: SegmentSpan, signal: AbortSignal): Promise<void> {
  const stall = new StallWatch(deps)
  for (const name of segmentsOf(span)) {
    if (await deps.isStored(name, signal)) continue
    deps.progress.note(`waiting for WAL segment ${name}`)
    let pauseMs: number = limits.walWaitPollMs
    while (!(await deps.isStored(name, signal))) {
      await stall.check(name, signal)
      await deps.clock.sleep(pauseMs, signal)
      pauseMs = Math.min(limits.walWaitPollMsMax, pauseMs * 1.5)
    }
    stall.moved()
  }
}

/** Ends the wait when neither the repository nor the server's archiver has moved for too long. */
class StallWatch {
  readonly #deps: WalWaitDeps
  #movedAtMs: number
  #lastArchived: string | undefined

  constructor(deps: WalWaitDeps) {
    this.#deps = deps
    this.#movedAtMs = deps.clock.monotonicMs()
  }

  moved(): void {
    this.#movedAtMs = this.#deps.clock.monotonicMs()
  }

  async check(name: string, signal: AbortSignal): Promise<void> {
    const archived = await this.#deps.lastArchived(signal)
    if (archived !== this.#lastArchived) this.moved()
    this.#lastArchived = archived
    if (this.#deps.clock.monotonicMs() - this.#movedAtMs >= this.#deps.stallMsMax)
      throw await this.#stalled(name, signal)
  }

  async #stalled(name: string, signal: AbortSignal): Promise<Fault> {
    const cause = await this.#deps.diagnose(signal)
    const message = `WAL segment ${name} did not arrive in the repository: nothing moved for ${formatDuration(this.#deps.stallMsMax)}`
    return new Fault('WAL_TIMEOUT', cause ? `${message}; ${cause.message}` : message, {
      hint:
        cause?.hint ??
        'PostgreSQL says that it archives: check that archive_command stores into this very repository (`holdfast doctor`).',
    })
  }
}
