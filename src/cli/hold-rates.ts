/** The limits of the rates that one command keeps to: those of the configuration, or what the agent that started it says now. */
import { openRates, rateKinds, type RateLimits, type Rates } from '../base/rates.ts'
import { limits } from '../base/limits.ts'
import type { Progress } from '../base/progress.ts'
import { formatRate } from '../base/units.ts'
import type { Clock } from '../base/world.ts'
import { limitsFileVariable, readLimitsFile, type LimitsFile } from '../control/limits-file.ts'
import { limitsInForce, slowedLimits } from '../policy/rate-limits.ts'
import { RateMeter } from '../policy/rate-meter.ts'

export interface HeldRates extends AsyncDisposable {
  readonly rates: Rates
}

export interface HoldDeps {
  readonly clock: Clock
  readonly progress: Pick<Progress, 'note'>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** By the configuration. */
  readonly stated: RateLimits
}

/** Undefined when nothing is limited, and nobody can change that: then nothing is counted. */
export async function holdRates({
  clock,
  progress,
  environment,
  stated,
}: HoldDeps): Promise<HeldRates | undefined> {
  const path = environment[limitsFileVariable]
  if (path === undefined && wordsOf(stated) === '') return undefined
  const rates = openRates(clock)
  const meters = rateKinds.map(kind => ({ kind, meter: new RateMeter() }))
  let known: Omit<LimitsFile, 'format'> = { stated, changes: {} }
  let told = ''
  const look = async (): Promise<void> => {
    known = (path === undefined ? undefined : await readLimitsFile(path)) ?? known
    const { share = 1 } = known
    // What is held back already says nothing of how fast it would go.
    for (const { kind, meter } of meters)
      if (share === 1 || !rates.isLimited(kind)) meter.add(clock.monotonicMs(), rates.moved(kind))
    const measured = Object.fromEntries(meters.map(({ kind, meter }) => [kind, meter.bytesPerSecond]))
    const now = slowedLimits(limitsInForce(known, clock.now()), share, measured)
    rates.set(now)
    const words = wordsOf(now)
    if (words !== told) progress.note(words === '' ? 'no rate is limited any more' : words)
    told = words
  }
  await look()
  const ended = new AbortController()
  const watching = path === undefined ? Promise.resolve() : keepLooking(look, clock, ended.signal)
  return {
    rates,
    async [Symbol.asyncDispose]() {
      ended.abort()
      await watching
    },
  }
}

async function keepLooking(look: () => Promise<void>, clock: Clock, ended: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(limits.rateLookMs, ended).catch(() => undefined)
    if (ended.aborted) return
    await look()
  }
}

function wordsOf({ read, network }: RateLimits): string {
  const parts = [
    ...(read === undefined ? [] : [`${formatRate(read)} are read`]),
    ...(network === undefined ? [] : [`${formatRate(network)} are sent and fetched`]),
  ]
  return parts.length === 0 ? '' : `at most ${parts.join(', and ')}`
}
