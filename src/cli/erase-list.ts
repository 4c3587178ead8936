/** `erase list` and `erase withdraw`. */
import { faultCatalogue, isFault } from '../base/fault.ts'
import { formatTime } from '../base/units.ts'
import { toolName } from '../base/version.ts'
import { whoami } from '../operations/erase/keep-record.ts'
import { openSecret, uniteErasures, type UnitedErasure } from '../operations/erase/open-erasures.ts'
import { putWithdrawal } from '../repository/erasures.ts'
import type { CommandContext } from './context.ts'
import { notRead } from './describe-catalog.ts'
import { chooseErasure } from './find-erasure.ts'
import { lockAfterAll } from './lock-after.ts'
import { openSources } from './sources.ts'
import { tableOf } from './table.ts'
import { usageFault } from './usage.ts'
import { writeEverywhere } from './write-everywhere.ts'

export async function readUnited(
  context: CommandContext,
  repository: string | undefined,
): Promise<readonly UnitedErasure[]> {
  const { output, signal } = context
  const only = repository !== undefined
  const sources = await openSources(context, { repository, only }, { keys: true })
  const { all, unread } = await uniteErasures(sources.open, signal)
  for (const closed of [...sources.closed, ...unread]) output.warn(notRead(closed))
  return all
}

/** Undefined without a key that opens it: a database host has none. */
export async function subjectOf(erasure: UnitedErasure, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await openSecret(erasure, signal)).subject
  } catch (error) {
    if (isFault(error, 'KEY_MISSING', 'KEY_WRONG')) return undefined
    throw error
  }
}

export async function runEraseList(
  context: CommandContext,
  { repository }: { readonly repository: string | undefined },
): Promise<void> {
  const all = await readUnited(context, repository)
  const told = await Promise.all(
    all.map(async erasure => ({
      ...erasure.record,
      subject: await subjectOf(erasure, context.signal),
      withdrawn: erasure.withdrawal ? { at: erasure.withdrawal.at, by: erasure.withdrawal.by } : null,
      repositories: erasure.places.map(({ source }) => source.name),
    })),
  )
  context.output.result(
    told.map(one => ({ ...one, subject: one.subject ?? null })),
    () => (told.length === 0 ? 'nobody asked to be forgotten\n' : listTable(told)),
  )
}

type Told = UnitedErasure['record'] & {
  readonly subject: string | undefined
  readonly withdrawn: { readonly at: string } | null
  readonly repositories: readonly string[]
}

function listTable(told: readonly Told[]): string {
  return tableOf(told, [
    { head: 'REQUEST', of: ({ id }) => id },
    { head: 'MADE', of: ({ requestedAt }) => toSecond(requestedAt) },
    { head: 'SUBJECT', of: ({ subject }) => subject ?? '(sealed: no key here)' },
    { head: 'DATABASE', of: ({ database }) => database },
    {
      head: 'STATE',
      of: ({ withdrawn, settled }) =>
        withdrawn
          ? `withdrawn ${toSecond(withdrawn.at)}`
          : settled
            ? 'in force'
            : 'in force, for every restore',
    },
    { head: 'IN', of: ({ repositories }) => repositories.join(', ') },
  ])
}

const toSecond = (iso: string): string => formatTime(Math.floor(Date.parse(iso) / 1000) * 1000)

export interface WithdrawWords {
  readonly id: string
  readonly reason: string | undefined
}

export async function runEraseWithdraw(
  context: CommandContext,
  words: WithdrawWords,
): Promise<number | undefined> {
  const { world, output, log, signal } = context
  if (words.reason === undefined)
    throw usageFault('why is it withdrawn?', 'Say it with --reason, for whoever has to answer for it later.')
  const { reason } = words
  const { record: request, withdrawal } = chooseErasure(await readUnited(context, undefined), words.id)
  const { id } = request
  if (withdrawal) {
    output.result(
      withdrawal,
      () => `${id} was withdrawn already, at ${toSecond(withdrawal.at)} by ${withdrawal.by}\n`,
    )
    return undefined
  }
  const at = new Date(world.clock.now()).toISOString()
  const record = { format: 1, cluster: request.cluster, id, at, by: whoami(), tool: toolName } as const
  const secret = { format: 1, id, reason } as const
  const { written, failed } = await writeEverywhere(context, ({ repository, encoding }) =>
    putWithdrawal(repository, encoding, { record, secret }, signal),
  )
  log.info('erasure.withdrawn', { id })
  const unlocked = await lockAfterAll(context, written)
  output.result(
    { ...record, repositories: written },
    () => `${id} is withdrawn: restores do not apply it any more\n`,
  )
  return failed.length > 0 ? faultCatalogue.REPOSITORY_BEHIND.exit : unlocked?.exit
}
