/** The archive, in one repository or several, for the commands that fetch WAL. */
import { askInTurn } from '../operations/sources/ask-in-turn.ts'
import { describeTrouble, nowhere, TroubleLog } from '../operations/sources/trouble.ts'
import { fromFirstWal } from '../operations/sources/wal.ts'
import { checkFetched, type WalSource } from '../operations/wal-get.ts'
import { limits } from '../base/limits.ts'
import { openWalStore, type OpenWal } from '../repository/wal-store.ts'
import type { CommandContext } from './context.ts'
import { isArchiveName, repositoryOf } from '../operations/sources/archive-name.ts'
import { howOf, impatient, openInTime, openSource, sourceNames, type SourceChoice } from './sources.ts'

type Opening = Pick<CommandContext, 'config' | 'openRepository' | 'world' | 'signal'>

/**
 * Nothing is waited for that one of them does not need: the first to be open says which cluster it is. `open` opens the
 * files; absent: this thread does.
 */
export async function openWalSource(
  context: Opening,
  choice: SourceChoice,
  open?: OpenWal,
): Promise<WalSource> {
  const { world, signal } = context
  const [first, ...others] = sourceNames(await context.config(), choice, choice.archives)
  const how = howOf(choice)
  if (first !== undefined && others.length === 0)
    return archiveOf(await openSource(context, first, how, true), open)
  const names = [first ?? '', ...others]
  const { clock } = world
  const places = names.map(name => ({
    name,
    open: once(async () =>
      archiveOf(
        impatient(await openInTime(name, clock, one => openSource(context, one, how, true)), clock),
        open,
      ),
    ),
  }))
  const patience = { clock, hedgeMs: limits.sourceHedgeMs }
  const { found, failures } = await askInTurn(places, ({ open }) => open(), patience, signal)
  if (!found)
    throw nowhere(
      'WAL',
      failures.map(({ place, fault }) => ({ repository: place.name, fault })),
      places.length,
    )
  const notes: string[] = []
  const troubles = new TroubleLog(trouble => notes.push(describeTrouble(trouble)))
  // One that is slow to open is asked after those that are open.
  const opened = [found.place, ...places.filter(place => place !== found.place)]
  for (const { place, fault } of failures) {
    const { code, message } = fault
    troubles.add({ repository: place.name, object: undefined, code, message, instead: found.place.name })
  }
  const fromFirst = fromFirstWal(opened, { clock, troubles })
  return {
    identity: found.value.identity,
    store: {
      get: (name, getSignal) => fromFirst(name, archive => checked(archive, name, getSignal), getSignal),
    },
    takeNotes: () => notes.splice(0),
  }
}

function archiveOf(
  { repository, encoding, identities }: Awaited<ReturnType<typeof openSource>>,
  open: OpenWal | undefined,
): WalSource {
  return { identity: repository.identity, store: openWalStore(repository, { encoding, identities, open }) }
}

/** What is not this segment of this cluster may be so in the next repository. */
async function checked(
  { identity, store }: WalSource,
  name: string,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const bytes = await store.get(name, signal)
  if (bytes) checkFetched(name, bytes, identity)
  return bytes
}

function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined
  return () => (opened ??= open())
}

/** Says which archive it is, without opening it. */
export async function walSourceName({ config }: Opening, choice: SourceChoice): Promise<string> {
  const loaded = await config()
  const { cluster, repositories } = loaded.config
  const names = sourceNames(loaded, choice, choice.archives)
  const urls = names.map(
    name => `${repositories[repositoryOf(name)]?.url ?? ''}${isArchiveName(name) ? '#archive' : ''}`,
  )
  const asOf = choice.asOfMs === undefined ? [] : [`as of ${String(choice.asOfMs)}`]
  return [...urls, cluster, ...asOf].join(' ')
}
