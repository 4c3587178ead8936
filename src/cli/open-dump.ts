/** From the command line to the copies of a dump, and to what of it has to be thawed before it can be read. */
import { isFault } from '../base/fault.ts'
import { sameCopies } from '../operations/restore-dump/same-copies.ts'
import { readAllDumps, readDumpCopies, type DumpCopy, type KnownDump } from '../operations/sources/dumps.ts'
import type { ClosedSource, Source } from '../operations/sources/source.ts'
import type { TroubleLog } from '../operations/sources/trouble.ts'
import { coldNeedsOfDump, coldNeedsOfWholeDump, type DumpPart } from '../operations/thaw/dump-needs.ts'
import type { ThawPlan } from '../operations/thaw/thaw.ts'
import type { ThawSpeed } from '../storage/second-ports.ts'
import type { CommandContext } from './context.ts'
import { chooseDump } from './find-dump.ts'
import { openSources } from './sources.ts'
import { thawPlanFor, thawToRead } from './thaw-first.ts'

/** What was given on the command line. */
export interface DumpWords {
  readonly id: string
  readonly repository: string | undefined
  readonly without: readonly string[]
  readonly asOf: number | undefined
  readonly thaw: ThawSpeed | undefined
  /** Nothing is to be done, and so nothing to be thawed. */
  readonly plan?: boolean | undefined
}

export interface OpenedDump {
  /** Of the very same dump. */
  readonly copies: readonly DumpCopy[]
  readonly record: DumpCopy['record']
  /** Repositories that could not be opened. */
  readonly closed: readonly ClosedSource[]
  readonly sources: readonly Source[]
}

export async function openDump(
  context: CommandContext,
  words: DumpWords,
  troubles: TroubleLog,
): Promise<OpenedDump> {
  const { signal } = context
  const { repository, without, asOf: asOfMs } = words
  const choice = { repository, without, asOfMs, archives: true }
  const sources = await openSources(context, choice, { keys: true })
  const { dumps, closed } = await readAllDumps(sources.open, signal)
  const known = chooseDump(dumps, words.id)
  const read = await readDumpCopies(known, troubles, signal).catch(async (error: unknown) => {
    if (!isFault(error, 'OBJECT_COLD')) throw error
    await thawWhole(context, words, known)
    return readDumpCopies(known, troubles, signal)
  })
  return {
    copies: sameCopies(read),
    record: read[0].record,
    closed: [...sources.closed, ...closed],
    sources: sources.open,
  }
}

/** Not even its record can be read. */
async function thawWhole(context: CommandContext, words: DumpWords, known: KnownDump): Promise<void> {
  const cold = await coldNeedsOfWholeDump(known, context.signal)
  await thawToRead(context, words, cold, known.summary.durationMs)
}

/** Undefined: that part of it can be read at once. */
export async function thawPlanOf(
  context: CommandContext,
  words: Pick<DumpWords, 'thaw'>,
  { copies, record }: OpenedDump,
  part: DumpPart,
): Promise<ThawPlan | undefined> {
  // A restore is expected to take as long as the dump did.
  return thawPlanFor(context, words, await coldNeedsOfDump(copies, part, context.signal), record.durationMs)
}
