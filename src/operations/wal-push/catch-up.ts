/**
 * Brings repositories the WAL that they are owed: from pg_wal while the file is still there, else as an object from a
 * repository that has it.
 */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, isFault, messageOf } from '../../base/fault.ts'
import { inTime } from '../../base/in-time.ts'
import { limits } from '../../base/limits.ts'
import { formatDuration } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import { pushWal } from '../wal-push.ts'
import { isOpen } from './circuit.ts'
import type { OwedBook } from './owed.ts'
import type { OpenTarget } from './target.ts'

export interface CatchUpDeps {
  readonly world: World
  readonly book: OwedBook
  readonly targets: readonly OpenTarget[]
}

/**
 * Returns when nothing is owed and `isDone`, or a repository has been away for too long, or gave no answer: what waits for
 * it may wait for ever, and only the next process asks anew.
 */
export async function catchUp(
  deps: CatchUpDeps,
  { walFolder }: { readonly walFolder: string },
  isDone: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  const { world, targets } = deps
  const startedMs = world.clock.monotonicMs()
  if (targets.length < 2) return
  while (!signal.aborted) {
    const rests = await Promise.all(targets.map(target => bringOwed(deps, walFolder, target, signal)))
    if (rests.includes('hung')) return
    const isBehind = rests.some(rest => rest !== 0)
    const waitedMs = world.clock.monotonicMs() - startedMs
    if (isDone() && (!isBehind || waitedMs > limits.walCatchUpLingerMsMax)) return
    await world.clock.sleep(limits.walPushAheadIdleMs / 3, signal).catch(() => undefined)
  }
}

/** How many files are still owed afterwards; `hung`: one of them got no answer in time. */
export async function bringOwed(
  { world, book, targets }: CatchUpDeps,
  walFolder: string,
  target: OpenTarget,
  signal: AbortSignal,
): Promise<number | 'hung'> {
  const owed = [...(await book.list(target))]
  if (owed.length === 0 || isOpen(await book.circuit(target), world.clock.now())) return owed.length
  let failure: Fault | undefined
  const hung = noAnswer(target)
  const others = targets.filter(other => other !== target)
  const bring = async (): Promise<void> => {
    for (let name = owed.shift(); name !== undefined && !failure; name = owed.shift()) {
      try {
        const bringing = bringOne(target, { others, world }, walFolder, name, signal)
        await inTime(bringing, world.clock, limits.walPushMsMax, () => hung)
        await book.settled(target, name)
        await book.succeeded(target)
      } catch (error) {
        failure ??= asFault(error)
      }
    }
  }
  // The first one tells whether the repository is back.
  const first = owed.splice(0, 1)
  const rest = owed.splice(0)
  owed.push(...first)
  await bring()
  if (!failure) {
    owed.push(...rest)
    await Promise.all(Array.from({ length: limits.walCatchUpParallel }, bring))
  }
  signal.throwIfAborted()
  if (failure) await book.failed(target, failure)
  return failure === hung ? 'hung' : (await book.list(target)).length
}

async function bringOne(
  target: OpenTarget,
  { others, world }: { readonly others: readonly OpenTarget[]; readonly world: World },
  walFolder: string,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const archive = await target.open(signal)
  const path = join(walFolder, name)
  const isInPgWal = await access(path).then(
    () => true,
    () => false,
  )
  if (isInPgWal) {
    await pushWal(archive, path, signal)
    return
  }
  if (await archive.store.head(name, signal)) return
  const { bringByCopy } = await import('./bring-by-copy.ts')
  await bringByCopy(target, others, name, world, signal)
}

const noAnswer = ({ name }: OpenTarget): Fault =>
  new Fault('STORAGE_UNAVAILABLE', `${name} gave no answer for ${formatDuration(limits.walPushMsMax)}`, {
    hint: 'Nothing is lost: it is asked again later. If this lasts, look at the way to that repository.',
  })

function asFault(error: unknown): Fault {
  if (isFault(error)) return error
  return new Fault('FAILED', messageOf(error), { hint: 'Please report this.', cause: error })
}
