/** What the strategy costs a month, and what another one would. */
import { resolve } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { costOfFile, withWindowOf, type CostFacts } from '../operations/cost/cost-of-file.ts'
import { measureStored, type Stored } from '../operations/cost/measure-stored.ts'
import type { Egress } from '../policy/cost/repository-cost.ts'
import type { CommandContext } from './context.ts'
import { comparisonText, costText } from './describe-cost.ts'
import { notRead } from './describe-catalog.ts'
import { pricesFor } from './prices-file.ts'
import { openSources } from './sources.ts'

export interface CostWords {
  readonly whatIf: string | undefined
  readonly egress: Egress | undefined
}

export async function tellCost(context: CommandContext, given: CostWords): Promise<void> {
  const { output, terminal, signal, world } = context
  const { config, path } = await context.config()
  // What is wrong with the other file is told before anything is listed.
  const other =
    given.whatIf === undefined
      ? undefined
      : await loadConfig(resolve(terminal.workingDirectory, given.whatIf))
  const nowMs = world.clock.now()
  const sources = await openSources(context, {}, { keys: false })
  for (const source of sources.closed) output.warn(notRead(source))
  const stored = new Map<string, readonly Stored[]>()
  for (const { name, repository } of sources.open)
    stored.set(name, await measureStored(repository, nowMs, signal))
  const factsFor = async (prices: string | undefined, from: string): Promise<CostFacts> => ({
    stored,
    table: await pricesFor(prices, from),
    isOwnTable: prices !== undefined,
    egress: given.egress ?? 'internet',
    nowMs,
  })
  const now = costOfFile(config, await factsFor(config.prices, path))
  if (!other) {
    output.result(now, () => costText(now))
    return
  }
  const then = costOfFile(other.config, {
    ...(await factsFor(other.config.prices, other.path)),
    stored: withWindowOf(stored, config, other.config),
  })
  output.result({ now, then }, () => `${costText(then)}\n${comparisonText(now, then)}`)
}
