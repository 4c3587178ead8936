/** What a hook is told of the operation: variables of its environment. docs/hooks.md lists them. Decides only. */
import { hookLimits } from './limits.ts'

export type HookMoment = 'before' | 'after' | 'failed'

export interface OperationFacts {
  readonly moment: HookMoment
  readonly verb: string
  /** Its number in the audit trail. */
  readonly operation: string
  readonly cluster: string
  readonly configPath: string
  readonly repositories: readonly string[]
  readonly ids: readonly string[]
  readonly target: string | undefined
  /** What started it: `hand`, `agent:nightly`. */
  readonly startedBy: string
  readonly startedAt: string
  /** When it has ended. */
  readonly end?:
    | {
        readonly at: string
        readonly exit: number
        readonly code: string | undefined
        readonly message: string | undefined
        readonly bytes: number | undefined
      }
    | undefined
}

export function hookEnvironment(facts: OperationFacts): Readonly<Record<string, string>> {
  const { end } = facts
  const [id = ''] = facts.ids
  const told: Readonly<Record<string, string>> = {
    HOLDFAST_HOOK: facts.moment,
    HOLDFAST_OPERATION: facts.verb,
    HOLDFAST_OPERATION_ID: facts.operation,
    HOLDFAST_CLUSTER: facts.cluster,
    HOLDFAST_CONFIG: facts.configPath,
    HOLDFAST_REPOSITORY: facts.repositories.join(' '),
    HOLDFAST_ID: id,
    HOLDFAST_IDS: facts.ids.join(' '),
    HOLDFAST_TARGET: facts.target ?? '',
    HOLDFAST_BY: facts.startedBy,
    HOLDFAST_STARTED_AT: facts.startedAt,
    HOLDFAST_ENDED_AT: end?.at ?? '',
    HOLDFAST_RESULT: end === undefined ? '' : end.exit === 0 ? 'done' : 'failed',
    HOLDFAST_EXIT: end === undefined ? '' : String(end.exit),
    HOLDFAST_CODE: end?.code ?? '',
    HOLDFAST_MESSAGE: end?.message ?? '',
    HOLDFAST_BYTES: end?.bytes === undefined ? '' : String(end.bytes),
  }
  const withoutZeroes = (text: string): string =>
    text.replaceAll('\0', '').slice(0, hookLimits.variableCharsMax)
  return Object.fromEntries(Object.entries(told).map(([name, value]) => [name, withoutZeroes(value)]))
}
