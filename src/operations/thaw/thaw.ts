/**
 * Thaws what a restore needs, and waits for it: asks for each object once, then looks again and again, less and less often,
 * since it takes hours. It may be stopped at any moment: what was asked for goes on by itself, and running it again finds
 * what is thawed already, asks for nothing twice, and waits for the rest.
 */
import { Fault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import type { Progress } from '../../base/progress.ts'
import { formatBytes } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import {
  estimateThaw,
  thawDaysFor,
  type ThawAmount,
  type ThawEstimate,
} from '../../policy/cost/thaw-estimate.ts'
import type { PriceTable } from '../../policy/cost/prices.ts'
import type { ThawSpeed } from '../../storage/second-ports.ts'
import type { ColdObject } from './find-cold.ts'
import type { ColdNeed } from './restore-needs.ts'

export interface ThawPlan {
  readonly speed: ThawSpeed
  /** For so long what is thawed stays readable. */
  readonly days: number
  /** What can not be read yet. */
  readonly needs: readonly ColdNeed[]
  /** Of these, so many have been asked for already. */
  readonly underWay: number
  readonly bytes: number
  /** Of those that nobody has asked for yet; of all of them as far as the time is concerned. */
  readonly estimate: ThawEstimate
}

export interface ThawQuestion {
  readonly speed: ThawSpeed
  readonly prices: PriceTable
  /** As long as the restore is expected to take. */
  readonly restoreMs: number
}

/** Undefined: everything can be read at once. */
export function planThaw(
  given: readonly ColdNeed[],
  { speed, prices, restoreMs }: ThawQuestion,
): ThawPlan | undefined {
  const needs = given.filter(({ state }) => state.is !== 'readable')
  const [first] = needs
  if (!first) return undefined
  const { url, access } = first.source.storage
  const days = thawDaysFor(restoreMs)
  const question = {
    provider: providerOf(url),
    region: access?.region,
    speed,
    days,
    amounts: amountsOf(needs),
  }
  const notAsked = amountsOf(needs.filter(({ state }) => state.is === 'cold'))
  const { cost } = estimateThaw(prices, { ...question, amounts: notAsked })
  return {
    speed,
    days,
    needs,
    underWay: needs.filter(({ state }) => state.is === 'thawing').length,
    bytes: bytesOf(needs),
    estimate: { ...estimateThaw(prices, question), cost },
  }
}

/** As tables of prices and times call it. */
export const providerOf = (url: string): string =>
  url.startsWith('az:') ? 'azure' : url.startsWith('gs:') ? 'gcs' : 's3'

const bytesOf = (needs: readonly ColdObject[]): number =>
  needs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)

export function amountsOf(needs: readonly ColdObject[]): readonly ThawAmount[] {
  return Array.from(
    Map.groupBy(needs, ({ storageClass }) => storageClass),
    ([storageClass, of]) => ({ storageClass, objects: of.length, bytes: bytesOf(of) }),
  )
}

/** CONFIG_INVALID is not meant: a speed that a class does not have is refused before anything is asked for. */
export async function thaw(
  { world, progress }: { readonly world: Pick<World, 'clock'>; readonly progress: Progress },
  { needs, speed, days, bytes, estimate }: ThawPlan,
  signal: AbortSignal,
): Promise<void> {
  const [impossible] = estimate.impossible
  if (impossible !== undefined)
    throw new Fault('USAGE', `what lies in ${impossible} can not be thawed at the speed "${speed}"`, {
      hint: 'Give --thaw standard or --thaw bulk.',
    })
  progress.phase('asking for what is cold')
  await inParallel(
    needs.filter(({ state }) => state.is === 'cold'),
    limits.thawParallel,
    ({ source, key }, stop) => thawingIn(source).request(key, { speed, days }, stop),
    signal,
  )
  progress.phase('thawing', bytes)
  await waitFor(world, progress, needs, signal)
}

/** The first ones that are not there yet are looked at: what was asked for together comes at about the same time. */
async function waitFor(
  { clock }: Pick<World, 'clock'>,
  progress: Progress,
  needs: readonly ColdNeed[],
  signal: AbortSignal,
): Promise<void> {
  let waiting: readonly ColdNeed[] = needs
  for (let pauseMs: number = limits.thawPollMsFirst; ;) {
    const still = await notReadable(waiting, progress, signal)
    if (still.length === 0) return
    // Where some came, more will soon.
    if (still.length < waiting.length) pauseMs = Math.max(limits.thawPollMsFirst, pauseMs / 4)
    progress.note(
      `${String(still.length)} of ${String(needs.length)} objects (${formatBytes(bytesOf(still))}) are still being thawed; it is safe to stop, and to run this again later`,
    )
    waiting = still
    await clock.sleep(pauseMs, signal)
    pauseMs = Math.min(limits.thawPollMsMax, pauseMs * 2)
  }
}

/** Looks at them in order, a few at a time, until one is not there: to look is a request that is paid for. */
async function notReadable(
  waiting: readonly ColdNeed[],
  progress: Progress,
  signal: AbortSignal,
): Promise<readonly ColdNeed[]> {
  for (let at = 0; at < waiting.length; at += limits.thawParallel) {
    const some = waiting.slice(at, at + limits.thawParallel)
    const states = await Promise.all(some.map(({ source, key }) => thawingIn(source).state(key, signal)))
    const still = some.filter((_, i) => states[i]?.is !== 'readable')
    progress.advance(bytesOf(some) - bytesOf(still))
    if (still.length > 0) return [...still, ...waiting.slice(at + limits.thawParallel)]
  }
  return []
}

function thawingIn({ repository, name }: ColdNeed['source']) {
  const { thawing } = repository.storage
  if (!thawing) throw new Error(`assertion failed: what is cold in ${name} can be thawed`)
  return thawing
}
