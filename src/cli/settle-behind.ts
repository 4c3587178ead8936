/** After a backup or dump into several repositories: those that have it, and those that have to be brought up. */
import { isFault, type Fault } from '../base/fault.ts'
import type { MemberBehind } from '../operations/backup/members.ts'
import type { Written } from './backup-setup.ts'
import type { CommandContext } from './context.ts'

export interface Settled {
  /** The names of the repositories that have it. */
  readonly whole: readonly string[]
  readonly behind: readonly MemberBehind[]
}

/** Brings it to those that lack it; where only WAL is missing, the copy is there and waits for it. */
export async function settleBehind(
  context: CommandContext,
  { away, others }: Pick<Written, 'away' | 'others'>,
  { record: { id }, whole, behind }: Settled & { readonly record: { readonly id: string } },
): Promise<Settled> {
  const waiting = behind.filter(({ fault }) => isFault(fault, 'REPOSITORY_BEHIND', 'WAL_TIMEOUT'))
  const lacking = [
    ...behind.filter(each => !waiting.includes(each)),
    ...away,
    ...others.map(name => ({ name })),
  ]
  const [from] = whole
  if (from === undefined || lacking.length === 0) return { whole, behind: waiting }
  const { fillBehind } = await import('./fill-behind.ts')
  const filled = await fillBehind(context, { id, from }, lacking)
  return { whole: [...whole, ...filled.whole], behind: [...waiting, ...filled.behind] }
}

export interface RepositoryState {
  readonly name: string
  readonly state: 'whole' | 'behind'
  readonly code?: string
  readonly reason?: string
}

/** As `--json` prints it, beside the record. */
export function statesOf({ whole, behind }: Settled): readonly RepositoryState[] {
  return [
    ...whole.map(name => ({ name, state: 'whole' as const })),
    ...behind.map(({ name, fault }) => ({
      name,
      state: 'behind' as const,
      code: fault.code,
      reason: fault.message,
    })),
  ]
}

/** What is to be done about one that is behind. */
export function behindLine(
  id: string,
  { from, to }: Readonly<Record<'from' | 'to', string>>,
  { message }: Fault,
): string {
  return `repository "${to}" does not have ${id}: ${message}; \`holdfast copy --from ${from} --to ${to} ${id}\` brings it there`
}
