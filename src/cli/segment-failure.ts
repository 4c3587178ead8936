/**
 * Failures of what runs for every WAL segment. During an outage PostgreSQL tries again every second, so of each command one is
 * entered a minute at most, with how many there were since the last one.
 *
 *     <folder>/segment-failures.json    by command: when one was entered last, and how many were not since
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isFault, messageOf } from '../base/fault.ts'
import { hideSecrets } from '../base/hide-secrets.ts'
import { auditLimits } from '../audit/limits.ts'
import { toolName } from '../base/version.ts'
import type { Command } from './command.ts'
import type { CommandContext } from './context.ts'
import { cut, shownWords } from './operation-facts.ts'
import { markOwed } from './send-trail.ts'
import { openTrail } from './trail.ts'

export interface SegmentFailure {
  readonly command: Command
  readonly words: readonly string[]
  readonly exit: number
  readonly error: unknown
}

/** Never fails: PostgreSQL is to hear of the failure itself. */
export async function enterFailure(failure: SegmentFailure, context: CommandContext): Promise<void> {
  const { command, words, exit, error } = failure
  if (isFault(error, 'INTERRUPTED', 'USAGE')) return
  try {
    const { config } = await context.config()
    const verb = command.words.join(' ')
    const nowMs = context.world.clock.now()
    const trail = await openTrail(context, verb, nowMs)
    const times = await countFailure(trail.folder, verb, nowMs)
    if (times === undefined) return
    await trail.end(
      {
        verb,
        words: [...shownWords(words, command)],
        cluster: config.cluster,
        repositories: [],
        ids: [],
        tool: toolName,
      },
      {
        state: 'failed',
        exit,
        code: isFault(error) ? error.code : 'FAILED',
        message: cut(hideSecrets(messageOf(error))),
        times,
      },
      [],
    )
    // There is no time to send it, and often nowhere to.
    await markOwed(trail.folder, true)
  } catch {
    // Nothing to write to; the failure itself was told.
  }
}

/** How many there were with this one; undefined when it is too early to enter the next. */
export async function countFailure(folder: string, verb: string, nowMs: number): Promise<number | undefined> {
  const path = join(folder, 'segment-failures.json')
  const counts = await readCounts(path)
  const { enteredMs, since } = counts[verb] ?? { enteredMs: 0, since: 0 }
  const isEarly = nowMs >= enteredMs && nowMs - enteredMs < auditLimits.segmentFailureMs
  const next = isEarly ? { enteredMs, since: since + 1 } : { enteredMs: nowMs, since: 0 }
  // Two at the same moment may count as one: this is for people, who want to know how many there were, about.
  const staged = `${path}.${String(process.pid)}`
  const { makeFolder, giveToOwner } = await import('../audit/folder.ts')
  await makeFolder(folder)
  await writeFile(staged, JSON.stringify({ ...counts, [verb]: next }), { mode: 0o600 })
  await giveToOwner(staged, folder)
  await rename(staged, path)
  return isEarly ? undefined : since + 1
}

type Counts = Readonly<Record<string, { readonly enteredMs: number; readonly since: number } | undefined>>

/** One that can not be read counts nothing. */
async function readCounts(path: string): Promise<Counts> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as unknown
    return Object.fromEntries(
      Object.entries(value ?? {}).filter(
        ([, one]: [string, unknown]) =>
          typeof one === 'object' &&
          one !== null &&
          'enteredMs' in one &&
          typeof one.enteredMs === 'number' &&
          'since' in one &&
          typeof one.since === 'number',
      ),
    )
  } catch {
    return {}
  }
}
