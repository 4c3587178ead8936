/**
 * A folder for what is made only to be thrown away: a restored cluster and the server on it.
 *
 *     <place>/holdfast-drill-0f3a….json   the note: who makes it, written before anything is made
 *     <place>/holdfast-drill-0f3a…/       the folder
 *
 * Whoever is killed leaves both, and maybe a server that goes on, and volumes that were made and mounted in the folder: the note names
 * each before it is made. The note tells the next one what may be removed: the folder of its
 * name, when the process that wrote it is proven dead. Nothing else is ever looked at, and nothing is ended but what works in there.
 */
import { chown, lstat, mkdir, open, readFile, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, normalize } from 'node:path'
import { Fault, errnoOf, messageOf } from '../../base/fault.ts'
import { isProvablyDead, ownProcess, type ProcessIdentity } from '../../base/process-identity.ts'
import type { World } from '../../base/world.ts'
import { readMounts } from '../../snapshots/mounts.ts'
import type { RestoreRequest } from '../../snapshots/provider.ts'
import { chooseOwner } from '../restore/target-directory.ts'
import type { FileOwner } from '../workers/messages.ts'
import { endProcessesIn, processesIn } from './processes-in.ts'

export interface ScratchRequest {
  /** The folder in which it is made. */
  readonly place: string
  /** What it is for, as a part of its name: `drill`. */
  readonly purpose: string
  readonly account: { readonly userId: number; readonly groupId: number }
  readonly discard: DiscardVolume
}

/** A volume that a provider of snapshots makes, and mounts in the folder. */
export interface ScratchVolume {
  readonly provider: string
  readonly request: RestoreRequest
}

/** Takes it away, however much of it there is: see SnapshotProvider.discard. */
export type DiscardVolume = (volume: ScratchVolume) => Promise<void>

export interface ScratchFolder extends AsyncDisposable {
  readonly path: string
  /** Whom everything in it is to belong to, when we are root: no server runs as root. */
  readonly owner: FileOwner | undefined
  /** Enters it in the note, durably. Before it is made. */
  willMake(volume: ScratchVolume): Promise<void>
  /** Ends what still works in it and removes it. Returns what could not be removed: nothing, as it should be. */
  remove(): Promise<readonly string[]>
}

export async function makeScratchFolder(
  { place, purpose, account, discard }: ScratchRequest,
  world: World,
): Promise<ScratchFolder> {
  const name = `${namePrefix(purpose)}${Buffer.from(world.randomBytes(8)).toString('hex')}`
  const [path, owner] = await begin(place, name, account, world.clock.now())
  const notePath = `${path}.json`
  try {
    await mkdir(path, { mode: 0o700 })
    if (owner) await chown(path, owner.userId, owner.groupId)
  } catch (error) {
    // What was there already is not ours, and must not be taken for ours later.
    await rm(notePath, { force: true })
    throw unwritable(path, error)
  }
  const volumes: ScratchVolume[] = []
  const remove = (): Promise<readonly string[]> => removeScratch({ path, volumes }, discard, world)
  return {
    path,
    owner,
    async willMake(volume) {
      volumes.push(volume)
      await writeNote(notePath, world.clock.now(), volumes)
    },
    remove,
    async [Symbol.asyncDispose]() {
      await remove()
    },
  }
}

async function begin(
  place: string,
  name: string,
  account: ScratchRequest['account'],
  nowMs: number,
): Promise<readonly [path: string, owner: FileOwner | undefined]> {
  try {
    // Open to be passed through: root may make it, and the server's user works in it.
    await mkdir(place, { recursive: true })
    // As the kernel names it, so that working directories can be compared with it.
    const path = join(await realpath(place), name)
    const owner = await chooseOwner(path, account)
    await writeNote(`${path}.json`, nowMs, [])
    return [path, owner]
  } catch (error) {
    throw unwritable(place, error)
  }
}

interface Made {
  readonly path: string
  readonly volumes: readonly ScratchVolume[]
}

/** The note goes last: as long as there is anything, somebody can find it. */
async function removeScratch(
  { path, volumes }: Made,
  discard: DiscardVolume,
  { clock }: World,
): Promise<readonly string[]> {
  await endProcessesIn(path, clock)
  const left: string[] = []
  for (const volume of volumes.toReversed())
    await discard(volume).catch((error: unknown) => {
      const { id, snapshot } = volume.request
      left.push(`the volume of ${snapshot.volume} of ${id}, made by ${volume.provider}: ${messageOf(error)}`)
    })
  // Whatever is still mounted there is not emptied.
  if (left.length > 0) return left
  await rm(path, { recursive: true, force: true, maxRetries: 3 }).catch((error: unknown) => {
    left.push(`${path}: ${messageOf(error)}`)
  })
  const alive = await processesIn(path)
  left.push(...alive.map(pid => `process ${String(pid)} in ${path}`))
  if (left.length > 0) return left
  await rm(unfinishedNote(`${path}.json`), { force: true })
  await rm(`${path}.json`, { force: true })
  return left
}

export interface LeftScratch {
  readonly path: string
  /** Why it was left; undefined: it was removed. */
  readonly kept: string | undefined
}

/** Removes what killed ones have left behind in this place. */
export async function clearLeftScratch(
  { place, purpose, discard }: Pick<ScratchRequest, 'place' | 'purpose' | 'discard'>,
  world: World,
): Promise<readonly LeftScratch[]> {
  const [folder, names] = await namesIn(place)
  const found: LeftScratch[] = []
  for (const name of names.filter(isNoteOf(purpose))) {
    const path = join(folder, name.slice(0, -'.json'.length))
    const judged = await judge(path)
    if (judged === 'in use') continue
    const left = typeof judged === 'string' ? [judged] : await removeScratch(judged, discard, world)
    found.push({ path, kept: left.length === 0 ? undefined : left.join('; ') })
  }
  return found
}

async function namesIn(place: string): Promise<readonly [folder: string, names: readonly string[]]> {
  try {
    const folder = await realpath(place)
    return [folder, await readdir(folder)]
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [place, []]
    throw unwritable(place, error)
  }
}

const namePrefix = (purpose: string): string => `holdfast-${purpose}-`

const isNoteOf =
  (purpose: string) =>
  (name: string): boolean =>
    name.startsWith(namePrefix(purpose)) &&
    /^[0-9a-f]{16}\.json$/.test(name.slice(namePrefix(purpose).length))

/** What may be removed, or why not. The temporary folder is everybody's: a note that is not ours says nothing. */
async function judge(path: string): Promise<Made | string> {
  const notePath = `${path}.json`
  const info = await lstat(notePath).catch(() => undefined)
  if (!info) return 'in use'
  if (!info.isFile() || info.uid !== process.getuid?.()) return 'its note belongs to another user'
  const note = noteIn(await readFile(notePath, 'utf8').catch(() => ''), path)
  if (!note) return 'its note can not be read'
  const made = { path, volumes: note.volumes }
  if (await isProvablyDead(note.process)) return made
  const here = await ownProcess()
  if (note.process.bootId !== here.bootId && note.host === hostname()) return made
  if (note.process.bootId === here.bootId && note.process.pidNamespace === here.pidNamespace) return 'in use'
  return `whether process ${String(note.process.pid)} of ${note.host} still works in it can not be told from here`
}

interface Note {
  readonly process: ProcessIdentity
  readonly host: string
  readonly volumes: readonly ScratchVolume[]
}

async function writeNote(path: string, nowMs: number, volumes: readonly ScratchVolume[]): Promise<void> {
  const note = {
    hint: 'Holdfast works in the folder of this name; after a crash the next one of its kind removes it.',
    since: new Date(nowMs).toISOString(),
    host: hostname(),
    process: await ownProcess(),
    ...(volumes.length === 0 ? {} : { volumes }),
  }
  const unfinished = unfinishedNote(path)
  const file = await open(unfinished, 'wx', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(note)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(unfinished, path)
}

const unfinishedNote = (path: string): string => `${path}.new`

function noteIn(text: string, folder: string): Note | undefined {
  try {
    const { host, process, volumes = [] } = JSON.parse(text) as Partial<Note>
    const { pid, startTicks, bootId, pidNamespace } = process ?? {}
    const isWhole =
      typeof host === 'string' &&
      Number.isInteger(pid) &&
      [startTicks, bootId, pidNamespace].every(one => typeof one === 'string') &&
      volumes.every(volume => isVolumeIn(folder, volume))
    return isWhole && process ? { host, process, volumes } : undefined
  } catch {
    return undefined
  }
}

/** Nothing is taken away but what is mounted in the folder. */
function isVolumeIn(folder: string, { provider, request }: ScratchVolume): boolean {
  const { cluster, systemIdentifier, id, snapshot, fileSystem, inside, to } = request
  const words = [provider, cluster, systemIdentifier, id, fileSystem, inside, to]
  return (
    [...words, snapshot.volume, snapshot.reference].every(word => typeof word === 'string') &&
    Object.values(snapshot.details).every(word => typeof word === 'string') &&
    isIn(folder, to)
  )
}

const isIn = (folder: string, path: string): boolean =>
  path.startsWith(`${folder}/`) && normalize(path) === path

/** For a look afterwards, by other means than the removal itself. */
export async function whatIsLeftOf({ path }: Pick<ScratchFolder, 'path'>): Promise<readonly string[]> {
  const isThere = async (one: string): Promise<boolean> =>
    stat(one).then(
      () => true,
      () => false,
    )
  const files = await Promise.all(
    [path, `${path}.json`].map(async one => ((await isThere(one)) ? [one] : [])),
  )
  const mounted = (await readMounts()).filter(mount => isIn(path, mount.path))
  return [
    ...files.flat(),
    ...mounted.map(mount => `a volume mounted at ${mount.path}`),
    ...(await processesIn(path)).map(pid => `process ${String(pid)}`),
  ]
}

const unwritable = (path: string, cause: unknown): Fault =>
  new Fault('TARGET_DIRECTORY', `${path} can not be used as scratch space: ${messageOf(cause)}`, {
    hint: 'Name a folder where this user may write: --scratch-dir DIR.',
    cause,
  })
