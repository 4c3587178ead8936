/** `privacy report`: where backups lie, who can open them, how long they stay, who read them, and who asked to be forgotten. */
import { TrailRows, type TrailRow } from '../audit/trail-rows.ts'
import { isFault } from '../base/fault.ts'
import type { Config } from '../config/config.ts'
import { uniteErasures } from '../operations/erase/open-erasures.ts'
import { retentionOf } from '../operations/lock/lock-rules.ts'
import { archiveNameOf } from '../operations/sources/archive-name.ts'
import { readCatalog } from '../repository/catalog.ts'
import { readDumps } from '../repository/dump-catalog.ts'
import type { CommandContext } from './context.ts'
import { notRead } from './describe-catalog.ts'
import { rulesInWords } from './describe-privacy.ts'
import { appliedEverywhere } from './erase-export.ts'
import { openSources } from './sources.ts'
import { copiedEntries, ownEntries, placeOf as placeOfEntry } from './trail-entries.ts'
import { trailFolder } from './trail.ts'

export interface PrivacyReport {
  readonly cluster: string
  readonly at: string
  readonly places: readonly PrivacyPlace[]
  readonly readers: {
    /** Undefined: this host has no trail that can be read. */
    readonly trail: string | undefined
    /** Whether the trails of the other hosts were read, too, as the repositories have them. */
    readonly isOfAllHosts: boolean
    readonly people: readonly Reader[]
  }
  readonly erasures: {
    readonly inForce: number
    readonly withdrawn: number
    /** Restores that looked at them, and how often they were left out. */
    readonly restores: number
    readonly skipped: number
  }
}

export interface PrivacyPlace {
  readonly name: string
  readonly location: string
  readonly provider: string
  readonly region: string | null
  readonly copyOf: string | null
  /** Public keys: whoever has the secret one of any of them can read everything. Empty: whoever reads the storage can. */
  readonly recipients: readonly string[]
  readonly kept: readonly string[]
  readonly lock: string | null
  /** Null: it could not be read. */
  readonly holds: { readonly backups: number; readonly dumps: number; readonly oldest: string | null } | null
}

export interface Reader {
  /** `postgres@db2`. */
  readonly who: string
  readonly times: number
  readonly last: string
  readonly verbs: readonly string[]
}

export async function privacyReport(context: CommandContext): Promise<PrivacyReport> {
  const { world, output, signal } = context
  const { config } = await context.config()
  const sources = await openSources(context, {}, { keys: false })
  const united = await uniteErasures(sources.open, signal)
  for (const closed of [...sources.closed, ...united.unread]) output.warn(notRead(closed))
  const { records } = await appliedEverywhere(context, sources.open)
  const places: PrivacyPlace[] = []
  for (const name of Object.keys(config.repositories)) {
    places.push(await placeOf(context, config, name))
    const archive = archivePlace(config, name)
    if (archive) places.push({ ...archive, holds: await holdingsOf(context, archive.name) })
  }
  const inForce = united.all.filter(({ withdrawal }) => withdrawal === undefined).length
  return {
    cluster: config.cluster,
    at: new Date(world.clock.now()).toISOString(),
    places,
    readers: await readersOf(context),
    erasures: {
      inForce,
      withdrawn: united.all.length - inForce,
      restores: records.length,
      skipped: records.filter(({ skipReason }) => skipReason !== null).length,
    },
  }
}

async function placeOf(context: CommandContext, config: Config, name: string): Promise<PrivacyPlace> {
  return { ...plainPlace(config, name), holds: await holdingsOf(context, name) }
}

function plainPlace(config: Config, name: string): Omit<PrivacyPlace, 'holds'> {
  const repository = config.repositories[name]
  if (!repository) throw new Error('assertion failed: the repository is in the configuration')
  const { url, region, encryption, copyOf, lock } = repository
  return {
    name,
    location: url,
    provider: providers[url.split(':', 1)[0] ?? ''] ?? 'object storage',
    region: region ?? null,
    copyOf: copyOf ?? null,
    recipients: encryption === 'none' ? [] : encryption.recipients,
    kept: rulesInWords(retentionOf(config, name)),
    lock: lock?.mode ?? null,
  }
}

const providers: Readonly<Record<string, string>> = {
  file: 'a folder of this host, or a mount',
  s3: 'S3',
  gs: 'Google Cloud Storage',
  az: 'Azure Blob Storage',
}

/** Only where a rule puts something. */
function archivePlace(config: Config, name: string): Omit<PrivacyPlace, 'holds'> | undefined {
  const [first] = Object.keys(config.repositories)
  const rules = Object.entries(config.archives).filter(([, { repository }]) => (repository ?? first) === name)
  if (rules.length === 0) return undefined
  const kept = rules.map(([rule, { of, every }]) => `${of}, one of each ${every}, by the rule ${rule}`)
  return { ...plainPlace(config, name), name: archiveNameOf(name), kept }
}

async function holdingsOf(context: CommandContext, name: string): Promise<PrivacyPlace['holds']> {
  const { signal } = context
  try {
    const { repository } = await context.openRepository(name)
    const { backups } = await readCatalog(repository, signal)
    const { dumps } = await readDumps(repository, signal)
    const [oldest] = [...backups, ...dumps].map(({ endedAt }) => endedAt).toSorted()
    return { backups: backups.length, dumps: dumps.length, oldest: oldest ?? null }
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error)) throw error
    return null
  }
}

/** Who used a secret key: by the audit trail of this host, and by those of all hosts where a key opens their copies. */
async function readersOf(context: CommandContext): Promise<PrivacyReport['readers']> {
  const rows = new TrailRows({ keys: true })
  const seen = new Set<string>()
  const isOwnRead = await isRead(context, 'the audit trail of this host', async () => {
    for await (const entry of ownEntries(context)) {
      seen.add(placeOfEntry(entry))
      rows.take(entry)
    }
  })
  const isOfAllHosts = await isRead(context, 'the audit trails of the other hosts', async () => {
    for await (const entry of copiedEntries(context, seen)) rows.take(entry)
  })
  const trail = isOwnRead ? await trailFolder(context) : undefined
  return { trail, isOfAllHosts, people: peopleOf(rows.end()) }
}

async function isRead(context: CommandContext, what: string, read: () => Promise<void>): Promise<boolean> {
  try {
    await read()
    return true
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isFault(error)) throw error
    context.output.warn(`${what} can not be read: ${error.message}`)
    return false
  }
}

export function peopleOf(rows: readonly TrailRow[]): readonly Reader[] {
  const byWho = Map.groupBy(rows, ({ who: { user, host, sudoUser } }) =>
    sudoUser === undefined ? `${user}@${host}` : `${sudoUser} as ${user}@${host}`,
  )
  return [...byWho]
    .map(([who, some]) => ({
      who,
      times: some.length,
      last: some.map(({ startedAt }) => startedAt).reduce((a, b) => (a > b ? a : b), ''),
      verbs: [...new Set(some.map(({ verb }) => verb))].toSorted(),
    }))
    .toSorted((a, b) => (a.last > b.last ? -1 : 1))
}
