/**
 * The one place through which every command goes: an operation is entered in the audit trail when it begins and when it
 * ends, whatever its end. A command that only looks is entered when it used a secret key, or was refused something.
 */
import type { KeyUse, Result, What } from '../audit/entry.ts'
import { isFault, messageOf } from '../base/fault.ts'
import { hideSecrets } from '../base/hide-secrets.ts'
import { auditLimits } from '../audit/limits.ts'
import { toolName } from '../base/version.ts'
import type { Command } from './command.ts'
import type { CommandContext } from './context.ts'
import {
  bytesIn,
  cut,
  idPattern,
  idsGiven,
  idsIn,
  isOperation,
  shownWords,
  targetOf,
} from './operation-facts.ts'
import { hooksAfter, hooksBefore } from './hooks.ts'
import { digestOfConfig, openTrail, type Trail } from './trail.ts'
import { watchContext, type Watched } from './watch-context.ts'

export interface CommandRun {
  readonly command: Command
  readonly given: Readonly<Record<string, unknown>>
  /** The command line as it was given. */
  readonly words: readonly string[]
  /** Tells of a failure, and says which exit status it is. */
  readonly failed: (error: unknown) => number
}

export async function carryOut(run: CommandRun, context: CommandContext): Promise<number> {
  const { command, given } = run
  const verb = command.words.join(' ')
  // Without a configuration there is no trail: the command says so itself, or makes one.
  const startedMs = context.world.clock.now()
  const opening = async (): Promise<Trail | undefined> =>
    openTrail(context, verb, startedMs).catch(() => undefined)
  const isEntered = isOperation(command, given)
  let trail = isEntered ? await opening() : undefined
  const watched = watchContext(context, async (about, facts) =>
    (trail ??= await opening())?.note(about, facts),
  )
  const what = (): Promise<What> => whatOf(run, context, watched)
  let hooks: Trail | undefined
  let outcome: Outcome
  try {
    await trail?.begin(await what())
    // From then on: where nothing is begun, nothing follows.
    hooks = command.operation?.withoutHooks === true ? undefined : trail
    if (hooks) await hooksBefore(watched.context, hooks, await what())
    outcome = { exit: (await command.run(watched.context, given)) ?? 0 }
  } catch (error) {
    outcome = { exit: run.failed(error), error }
  }
  if (!isEntered && !isWorthEntering(outcome, watched)) return outcome.exit
  trail ??= await opening()
  if (!trail) return outcome.exit
  const result = resultOf(outcome, watched)
  const late = hooks && (await hooksAfter(watched.context, hooks, await what(), result))
  const told =
    late && outcome.exit === 0
      ? { ...result, exit: late.exit, code: late.code, message: cut(late.message) }
      : result
  await trail.end(await what(), told, await keysOf(watched))
  const { markOwed, sendQuietly } = await import('./send-trail.ts')
  // What only looks is not to wait for other repositories: the next operation, or the agent, takes it along.
  if (isEntered) await sendQuietly(context)
  else await markOwed(trail.folder, true).catch(() => undefined)
  return told.exit
}

interface Outcome {
  readonly exit: number
  readonly error?: unknown
}

/** Outages are left out: monitors look every minute. So are wrong words. */
function isWorthEntering({ error }: Outcome, { identities }: Watched): boolean {
  if (identities.size > 0) return true
  if (error === undefined) return false
  if (!isFault(error)) return true
  return !error.retry && !isFault(error, 'USAGE', 'CONFIG_MISSING', 'CONFIG_INVALID', 'INTERRUPTED')
}

async function whatOf(run: CommandRun, context: CommandContext, watched: Watched): Promise<What> {
  const { command, given, words } = run
  const loaded = await context.config()
  const ids = [...new Set([...idsIn(watched.results), ...idsGiven(given).filter(isWhole)])]
  const target = targetOf(command, given)
  const configSha256 = await digestOfConfig(loaded)
  return {
    verb: command.words.join(' '),
    words: [...shownWords(words, command)],
    cluster: loaded.config.cluster,
    repositories: [...watched.repositories].toSorted(),
    ids: ids.slice(0, auditLimits.idsMax),
    ...(ids.length > auditLimits.idsMax ? { idsMore: ids.length - auditLimits.idsMax } : {}),
    ...(target === undefined ? {} : { target }),
    ...(configSha256 === undefined ? {} : { configSha256 }),
    tool: toolName,
  }
}

/** Of a beginning of an id, or `latest`, the result says which one it was. */
const isWhole = (id: string): boolean => idPattern.test(id)

function resultOf({ exit, error }: Outcome, { results }: Watched): Result {
  const bytes = bytesIn(results)
  return {
    state: exit === 0 ? 'done' : 'failed',
    exit,
    ...(error === undefined
      ? {}
      : { code: isFault(error) ? error.code : 'FAILED', message: cut(hideSecrets(messageOf(error))) }),
    ...(bytes === undefined ? {} : { bytes }),
  }
}

async function keysOf({ identities }: Watched): Promise<readonly KeyUse[]> {
  if (identities.size === 0) return []
  const { recipientOf } = await import('../pipeline/age.ts')
  const uses: KeyUse[] = []
  for (const [repository, keys] of identities) {
    const publicKeys = await Promise.all(keys.map(key => recipientOf(key).catch(() => 'unknown')))
    uses.push({ repository, publicKeys })
  }
  return uses
}
