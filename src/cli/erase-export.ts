/** `erase export`: the evidence for who has to show that a person was forgotten. One document of JSON. */
import { isFault } from '../base/fault.ts'
import { openSecret, uniteErasures, type UnitedErasure } from '../operations/erase/open-erasures.ts'
import type { Source } from '../operations/sources/source.ts'
import type { AppliedRecord } from '../repository/format/erasure-record.ts'
import { readApplied, readWithdrawalReason } from '../repository/erasures.ts'
import type { CommandContext } from './context.ts'
import { notRead } from './describe-catalog.ts'
import { chooseErasure } from './find-erasure.ts'
import { openSources } from './sources.ts'
import { usageFault } from './usage.ts'

export interface ExportWords {
  readonly id: string | undefined
  readonly all: boolean
}

export async function runEraseExport(context: CommandContext, words: ExportWords): Promise<void> {
  const { output, signal, world } = context
  if ((words.id === undefined) !== words.all)
    throw usageFault('which request?', 'Give its ID, or --all for every one.')
  const sources = await openSources(context, {}, { keys: true })
  const { all, unread } = await uniteErasures(sources.open, signal)
  for (const closed of [...sources.closed, ...unread]) output.warn(notRead(closed))
  const chosen = words.id === undefined ? all : [chooseErasure(all, words.id)]
  const { records, unreadable } = await appliedEverywhere(context, sources.open)
  const requests = []
  for (const erasure of chosen) requests.push(await evidenceOf(erasure, records, signal))
  const evidence = {
    exportedAt: new Date(world.clock.now()).toISOString(),
    cluster: sources.open[0]?.repository.identity.cluster ?? null,
    notRead: [...sources.closed, ...unread].map(({ name }) => name),
    unreadableRecords: unreadable,
    requests,
  }
  output.result(evidence, () => `${JSON.stringify(evidence, null, 2)}\n`)
}

interface AppliedEverywhere {
  readonly records: readonly AppliedRecord[]
  /** How many can not be read in any repository that has them. */
  readonly unreadable: number
}

/** The same one may lie in several repositories. */
export async function appliedEverywhere(
  { output, signal }: CommandContext,
  sources: readonly Source[],
): Promise<AppliedEverywhere> {
  const byRun = new Map<string, AppliedRecord>()
  let unreadable = 0
  for (const { name, repository } of sources) {
    try {
      const { records, damaged } = await readApplied(repository, signal)
      for (const record of records) byRun.set(record.run, record)
      unreadable += damaged.length
      for (const fault of damaged) output.warn(`repository ${name}: ${fault.message}`)
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      output.warn(`repository ${name}: what restores did could not be read: ${error.message}`)
    }
  }
  return { records: [...byRun.values()].toSorted((a, b) => (a.run < b.run ? -1 : 1)), unreadable }
}

async function evidenceOf(
  erasure: UnitedErasure,
  applied: readonly AppliedRecord[],
  signal: AbortSignal,
): Promise<object> {
  const { record, withdrawal, places } = erasure
  const secret = await unlessSealed(() => openSecret(erasure, signal))
  return {
    ...record,
    repositories: places.map(({ source }) => source.name),
    subject: secret?.subject ?? null,
    sql: secret?.statements ?? null,
    withdrawn: withdrawal
      ? { at: withdrawal.at, by: withdrawal.by, reason: await reasonOf(erasure, signal) }
      : null,
    applied: applied.flatMap(({ requests, run, at, operation, from, host, by, skipReason }) =>
      requests
        .filter(({ id }) => id === record.id)
        .map(({ outcome, statements }) => ({
          ...{ run, at, operation, from, host, by, outcome },
          skipReason: outcome === 'skipped' ? skipReason : null,
          statements,
        })),
    ),
  }
}

async function reasonOf({ places }: UnitedErasure, signal: AbortSignal): Promise<string | null> {
  const place = places.find(({ known }) => known.reasonKey !== undefined)
  if (!place) return null
  const { source, known } = place
  const reason = await unlessSealed(() =>
    readWithdrawalReason(source.repository, known, source.identities, signal),
  )
  return reason ?? null
}

/** Undefined without a key. */
async function unlessSealed<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (isFault(error, 'KEY_MISSING', 'KEY_WRONG')) return undefined
    throw error
  }
}
