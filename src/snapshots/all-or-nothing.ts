/** Snapshots of several volumes at the same time: all of them, or none. */
import { Fault, isFault, messageOf } from '../base/fault.ts'
import type { CreateRequest, TakenSnapshot, Volume } from './provider.ts'

export interface VolumeSteps {
  readonly take: (volume: Volume, signal: AbortSignal) => Promise<TakenSnapshot>
  /** Also of a volume whose `take` failed half way: removes whatever there is of it. */
  readonly undo: (volume: Volume, signal: AbortSignal) => Promise<void>
}

/**
 * When one fails, the others are told to stop, waited for, and undone, even when the caller's signal has aborted. What can
 * not be undone is named in the fault.
 */
export async function takeAll(
  { volumes, last }: Pick<CreateRequest, 'volumes' | 'last'>,
  { take, undo }: VolumeSteps,
  signal: AbortSignal,
): Promise<readonly TakenSnapshot[]> {
  const stop = new AbortController()
  const inner = AbortSignal.any([signal, stop.signal])
  const begun = new Set<Volume>()
  const failures: unknown[] = []
  const taken = new Map<Volume, TakenSnapshot>()
  const takeTogether = async (some: readonly Volume[]): Promise<void> => {
    await Promise.all(
      some.map(async volume => {
        begun.add(volume)
        try {
          taken.set(volume, await take(volume, inner))
        } catch (error) {
          failures.push(error)
          stop.abort(error)
        }
      }),
    )
  }
  await takeTogether(volumes.filter(({ name }) => name !== last))
  if (failures.length === 0) await takeTogether(volumes.filter(({ name }) => name === last))
  if (failures.length === 0 && !signal.aborted) return volumes.flatMap(volume => taken.get(volume) ?? [])
  const left = await undoAll([...begun], undo)
  signal.throwIfAborted()
  throw withLeftovers(failures[0], left)
}

/** Nothing may keep it from cleaning up but its own limit of time, which `undo` has. */
async function undoAll(volumes: readonly Volume[], undo: VolumeSteps['undo']): Promise<readonly string[]> {
  const { signal } = new AbortController()
  const results = await Promise.allSettled(volumes.map(volume => undo(volume, signal)))
  return results.flatMap((result, i) =>
    result.status === 'rejected' ? [`${volumes[i]?.name ?? ''}: ${messageOf(result.reason)}`] : [],
  )
}

function withLeftovers(error: unknown, left: readonly string[]): unknown {
  if (left.length === 0 || !isFault(error)) return error
  return new Fault(
    error.code,
    `${error.message}; and what was taken before could not be removed: ${left.join('; ')}`,
    {
      hint: `${error.hint} The next \`holdfast snapshot\` tries to remove what is left.`,
      cause: error,
    },
  )
}
