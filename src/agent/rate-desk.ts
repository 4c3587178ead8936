/** The limits of the rates of all that the agent starts: what the configuration states, and what was asked for since. */
import { join } from 'node:path'
import { messageOf } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import { rateKinds, type RateKind, type RateLimits } from '../base/rates.ts'
import type { Clock } from '../base/world.ts'
import type { AgentRates } from '../control/agent-status.ts'
import { limitsFile, limitsFileName } from '../control/limits-file.ts'
import { changed, rateInForce, type RateChanges } from '../policy/rate-limits.ts'
import { fullSpeed, shareOf, type Slowness } from '../policy/slow-down.ts'
import { readReplaced, replaceFile } from './replace-file.ts'

export interface RateDeskDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
  /** Of the agent's state. */
  readonly folder: string
  /** By the configuration as it is loaded now. */
  readonly stated: () => RateLimits
}

export class RateDesk {
  readonly path: string
  readonly #deps: RateDeskDeps
  #changes: RateChanges = {}
  #slowness: Slowness = fullSpeed
  #writing: Promise<void> = Promise.resolve()

  constructor(deps: RateDeskDeps) {
    this.#deps = deps
    this.path = join(deps.folder, limitsFileName)
  }

  /** What an agent before this one was asked for goes on: it was killed, or started anew. */
  async begin(): Promise<void> {
    const { folder, log } = this.#deps
    const left = await readReplaced(folder, limitsFileName, json => limitsFile.parse(json), log)
    this.#changes = left?.changes ?? {}
    await this.#write()
  }

  /** Nothing of it has changed when it can not be written down: who asked hears why. */
  async change(
    asked: {
      readonly [Kind in RateKind]?: number | null | undefined
    } & { readonly forMs?: number | undefined },
  ): Promise<void> {
    const before = this.#changes
    const untilMs = asked.forMs === undefined ? undefined : this.#deps.clock.now() + asked.forMs
    this.#changes = changed(before, asked, untilMs)
    try {
      await this.#write()
    } catch (error) {
      this.#changes = before
      throw error
    }
    this.#deps.log.info('limits.changed', {
      read: asked.read ?? undefined,
      network: asked.network ?? undefined,
      until: untilMs === undefined ? undefined : new Date(untilMs).toISOString(),
    })
  }

  /** From now on what the configuration states holds again, also for what runs. */
  async reloaded(): Promise<void> {
    this.#changes = {}
    await this.#write().catch((error: unknown) => {
      this.#deps.log.warn('state.unwritten', { folder: this.#deps.folder, error: messageOf(error) })
    })
  }

  /** Jobs step back, or come back, for as long as the agent says so. */
  async slow(slowness: Slowness): Promise<void> {
    const before = this.#slowness
    this.#slowness = slowness
    try {
      await this.#write()
    } catch (error) {
      this.#slowness = before
      throw error
    }
  }

  status(): AgentRates {
    const rates = { stated: this.#deps.stated(), changes: this.#changes }
    const now = this.#deps.clock.now()
    const [read, network] = rateKinds.map(kind => {
      const { bytesPerSecond, from, untilMs } = rateInForce(rates, kind, now)
      const until = untilMs === undefined ? null : new Date(untilMs).toISOString()
      return { bytesPerSecond: bytesPerSecond ?? null, from, until }
    })
    if (!read || !network) throw new Error('assertion failed: there are two kinds')
    const { steps, reason = '' } = this.#slowness
    return { read, network, slowed: steps === 0 ? null : { share: shareOf({ steps }), reason } }
  }

  /** One after the other, each time as it stands then. */
  #write(): Promise<void> {
    this.#writing = this.#writing
      .catch(() => undefined)
      .then(() => {
        const share = shareOf(this.#slowness)
        const file = { format: 1, stated: this.#deps.stated(), changes: this.#changes, share }
        return replaceFile(this.#deps.folder, limitsFileName, `${JSON.stringify(file)}\n`)
      })
    return this.#writing
  }
}
