/** The hooks of one operation: which there are, run one after the other, told, and entered in the audit trail. */
import type { Result, What } from '../audit/entry.ts'
import { startedByVariable } from '../audit/who.ts'
import { Fault } from '../base/fault.ts'
import { hideSecrets } from '../base/hide-secrets.ts'
import { hookLimits } from '../operations/hooks/limits.ts'
import { formatDuration } from '../base/units.ts'
import type { Config } from '../config/config.ts'
import type { Hook } from '../config/hooks.ts'
import { hookEnvironment, type HookMoment, type OperationFacts } from '../operations/hooks/environment.ts'
import { runHook } from '../operations/hooks/run-hook.ts'
import type { CommandContext } from './context.ts'
import { cut } from './operation-facts.ts'
import type { Trail } from './trail.ts'

/** Those for all operations stand outside: they run first before, and last after. */
export function hooksFor({ hooks }: Config, moment: HookMoment, verb: string): readonly Hook[] {
  const all = hooks[moment]['*'] ?? []
  const own = hooks[moment][verb] ?? []
  return moment === 'before' ? [...all, ...own] : [...own, ...all]
}

/** Within a hook, other operations run no hooks: one that backs up before a restore would have no end. */
export const isWithinHook = ({ environment }: CommandContext['terminal']): boolean =>
  (environment['HOLDFAST_HOOK'] ?? '') !== ''

/** HOOK_FAILED when one of them fails; then the others are not run, and nothing is begun. */
export async function hooksBefore(context: CommandContext, trail: Trail, what: What): Promise<void> {
  const fault = await runHooks(
    context,
    factsOf(trail, what, 'before', await configPathOf(context)),
    context.signal,
  )
  context.signal.throwIfAborted()
  if (fault) throw fault
}

/** What was done stays done: one that fails is told, and the first fault given back. */
export async function hooksAfter(
  context: CommandContext,
  trail: Trail,
  what: What,
  result: Result,
): Promise<Fault | undefined> {
  const { exit, code, message, bytes } = result
  const at = new Date(context.world.clock.now()).toISOString()
  const facts = factsOf(trail, what, exit === 0 ? 'after' : 'failed', await configPathOf(context))
  // Also when the operation was told to stop: the application is to be started again.
  const { signal } = new AbortController()
  const fault = await runHooks(context, { ...facts, end: { at, exit, code, message, bytes } }, signal)
  if (fault) context.output.warn(`${fault.message}. ${fault.hint}`)
  return fault
}

async function configPathOf(context: CommandContext): Promise<string> {
  return (await context.config()).path
}

function factsOf(trail: Trail, what: What, moment: HookMoment, configPath: string): OperationFacts {
  const { verb, cluster, repositories, ids, target } = what
  const { by, job } = trail.who
  const { operation, startedAt } = trail
  const startedBy = job === undefined ? by : `${by}:${job}`
  return { moment, verb, operation, cluster, configPath, repositories, ids, target, startedBy, startedAt }
}

async function runHooks(
  context: CommandContext,
  facts: OperationFacts,
  signal: AbortSignal,
): Promise<Fault | undefined> {
  if (isWithinHook(context.terminal)) return undefined
  const hooks = hooksFor((await context.config()).config, facts.moment, facts.verb)
  const environment = {
    ...context.terminal.environment,
    ...hookEnvironment(facts),
    [startedByVariable]: `hook:${facts.verb.replaceAll(' ', '-')}`,
  }
  let first: Fault | undefined
  for (const hook of hooks) {
    const fault = await runOne(context, hook, facts, environment, signal)
    first ??= fault
    if (fault && facts.moment === 'before') break
  }
  return first
}

async function runOne(
  context: CommandContext,
  { run, timeLimitMs }: Hook,
  { moment, verb }: OperationFacts,
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Fault | undefined> {
  const { output, world } = context
  const shown = hideSecrets(typeof run === 'string' ? run : run.join(' '))
  output.detail(`hook ${moment} ${verb}: ${shown}`)
  const end = await runHook({ run, timeLimitMs, environment }, world.clock, signal)
  const said = hideSecrets(end.said)
  for (const line of said === '' ? [] : said.split('\n'))
    output.note(`hook: ${line.slice(0, hookLimits.lineCharsMax)}`)
  const entering = context.enter('hook', {
    moment,
    run: cut(shown),
    result: end.failure === undefined ? 'done' : 'failed',
    exit: end.exit ?? null,
    durationMs: Math.round(end.durationMs),
    ...(end.failure === undefined ? {} : { failure: end.failure, said: cut(said) }),
  })
  // What is done is done, also where the trail is required.
  if (moment === 'before') await entering
  else await entering.catch(() => undefined)
  if (end.failure === undefined) {
    output.detail(`hook ${moment} ${verb}: done in ${formatDuration(end.durationMs)}`)
    return undefined
  }
  const what = `the hook ${moment} ${verb} \`${cut(shown)}\` failed: ${end.failure}`
  const last = said.split('\n').at(-1)?.slice(0, hookLimits.lineCharsMax)
  return new Fault(
    moment === 'before' ? 'HOOK_FAILED' : 'HOOK_AFTER_FAILED',
    `${what}${last === undefined || last === '' ? '' : ` (${last})`}`,
    {
      hint:
        moment === 'before'
          ? 'See what it says, and run it by hand as the same user; nothing was done.'
          : 'See what it says, and run it by hand as the same user; the operation itself is as its own result says.',
    },
  )
}
