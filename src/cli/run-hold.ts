/** Holds on the command line: made, released, listed. */
import { hostname, userInfo } from 'node:os'
import { isFault, type Fault } from '../base/fault.ts'
import { formatTime } from '../base/units.ts'
import { changeHold } from '../operations/hold.ts'
import { knownIds } from '../operations/known-ids.ts'
import { isArchiveName } from '../operations/sources/archive-name.ts'
import type { HoldRecord } from '../repository/format/hold-record.ts'
import { readHolds } from '../repository/holds.ts'
import type { Repository } from '../repository/repository.ts'
import type { Micros } from '../wal/time.ts'
import type { CommandContext } from './context.ts'
import { placesToExpire } from './expire-setup.ts'
import { chooseBackup } from './find-backup.ts'
import { counted, tableOf } from './table.ts'
import { usageFault } from './usage.ts'

export interface HoldWords {
  readonly id: string | undefined
  readonly reason: string | undefined
  readonly until: Micros | undefined
  readonly release: boolean
  readonly repository: string | undefined
}

interface Place {
  readonly name: string
  readonly repository: Repository
}

export async function runHold(context: CommandContext, words: HoldWords): Promise<number | undefined> {
  const { config } = await context.config()
  const { places, failure } = await openAll(context, placesToExpire(config, words.repository))
  if (words.id === undefined) await listHolds(context, places, words)
  else await change(context, places, { ...words, id: words.id })
  return failure?.exit
}

/** One that can not be reached does not keep the others from being held, and is told. */
async function openAll(
  context: CommandContext,
  names: readonly string[],
): Promise<{ readonly places: readonly Place[]; readonly failure: Fault | undefined }> {
  const places: Place[] = []
  let failure: Fault | undefined
  for (const name of names) {
    try {
      places.push({ name, repository: (await context.openRepository(name)).repository })
    } catch (error) {
      context.signal.throwIfAborted()
      if (!isFault(error)) throw error
      if (!isArchiveName(name))
        context.output.warn(`repository "${name}" was not looked at: ${error.message}`)
      failure ??= error
    }
  }
  if (places.length > 0) return { places, failure }
  throw failure ?? usageFault('no repository was named', 'Name one with --repository.')
}

async function listHolds(
  { output, world, signal }: CommandContext,
  places: readonly Place[],
  { reason, until, release }: HoldWords,
): Promise<void> {
  if (release || reason !== undefined || until !== undefined)
    throw usageFault('which backup?', 'Give its ID, as `holdfast list` shows it.')
  const held: (HoldRecord & { readonly repository: string })[] = []
  for (const { name, repository } of places)
    for (const hold of (await readHolds(repository, world.clock.now(), signal)).values())
      held.push({ ...hold, repository: name })
  output.result(held, () => (held.length === 0 ? 'nothing is held\n' : holdTable(held)))
}

function holdTable(held: readonly (HoldRecord & { readonly repository: string })[]): string {
  return tableOf(held, [
    { head: 'HELD', of: ({ id }) => id },
    { head: 'UNTIL', of: ({ until }) => (until === null ? 'released' : formatTime(Date.parse(until))) },
    { head: 'REPOSITORY', of: ({ repository }) => repository },
    { head: 'BY', of: ({ by }) => by },
    { head: 'SINCE', of: ({ at }) => formatTime(Math.floor(Date.parse(at) / 1000) * 1000) },
    { head: 'WHY', of: ({ reason }) => reason },
  ])
}

async function change(
  { output, world, signal }: CommandContext,
  places: readonly Place[],
  words: HoldWords & { readonly id: string },
): Promise<void> {
  const { reason, until, release } = words
  if (!release && reason === undefined)
    throw usageFault('why is it to be held?', 'Say it with --reason, for whoever wonders later.')
  if (release && until !== undefined)
    throw usageFault(
      '--until does not go with --release',
      'Hold it again with another --until, or release it.',
    )
  const untilMs = until === undefined ? undefined : Math.ceil(until / 1000)
  if (untilMs !== undefined && untilMs <= world.clock.now())
    throw usageFault('--until is over already', 'Give a time to come, or --release.')
  const known: { readonly place: Place; readonly id: string }[] = []
  for (const place of places) {
    const ids = release
      ? [...(await readHolds(place.repository, world.clock.now(), signal)).keys()]
      : await knownIds(place.repository, signal)
    known.push(...ids.map(id => ({ place, id })))
  }
  const { id } = chooseBackup(
    [...new Set(known.map(one => one.id))].map(one => ({ id: one })),
    words.id,
    one => one.id,
  )
  const done: (HoldRecord & { readonly repository: string })[] = []
  for (const { place } of known.filter(one => one.id === id)) {
    const wish = { id, held: !release, reason: reason ?? 'not given', untilMs, by: whoami() }
    const record = await changeHold(place.repository, wish, world, signal)
    if (record) done.push({ ...record, repository: place.name })
  }
  const where = done.map(({ repository }) => repository).join(', ')
  output.result(done, () =>
    done.length === 0
      ? `${id} was not held\n`
      : `${id} is ${release ? 'not held any more' : untilMs === undefined ? 'held until it is released' : `held until ${formatTime(untilMs)}`} in ${counted(done.length, 'repository', 'repositories')}: ${where}\n`,
  )
}

function whoami(): string {
  return `${userInfo().username}@${hostname()}`
}
