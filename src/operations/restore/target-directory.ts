/**
 * The directory to restore into: looked at, judged, and made ready.
 *
 * While a restore is under way, a marker stands in it and `global/pg_control` does not: no server starts on half a
 * cluster, and a restore that was killed can simply be run again.
 */
import {
  access,
  chmod,
  chown,
  constants,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
} from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Fault, errnoOf, messageOf } from '../../base/fault.ts'
import { controlFilePath } from '../../postgres/data-directory/exclusions.ts'
import type { FileOwner } from '../workers/messages.ts'

export const markerName = 'holdfast-restore.json'

export type TargetState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'empty' }
  /** A restore of ours began here and did not end. */
  | { readonly kind: 'unfinished' }
  | { readonly kind: 'data-directory' }
  | { readonly kind: 'other'; readonly sample: string }
  | { readonly kind: 'repository' }
  /** It is the folder of data directories, for example /var/lib/postgresql. */
  | { readonly kind: 'around'; readonly dataDirectory: string }
  | { readonly kind: 'file' }

/** How the directory is used: `fresh` is empty, `clear` is emptied first, `delta` keeps what is right. */
export type TargetUse = 'fresh' | 'clear' | 'delta'

/** Looks, and changes nothing. A mount point's `lost+found` does not count. */
export async function inspectTarget(directory: string): Promise<TargetState> {
  const names = await namesIn(directory)
  if (names === 'file') return { kind: 'file' }
  if (names === undefined) {
    await assertMakeable(directory)
    return { kind: 'absent' }
  }
  if (names.includes(markerName)) return { kind: 'unfinished' }
  if (names.includes('holdfast.json')) return { kind: 'repository' }
  if (names.includes('PG_VERSION')) return { kind: 'data-directory' }
  const others = names.filter(name => name !== 'lost+found')
  const [sample] = others
  if (sample === undefined) return { kind: 'empty' }
  const dataDirectory = await dataDirectoryIn(directory, others)
  return dataDirectory === undefined ? { kind: 'other', sample } : { kind: 'around', dataDirectory }
}

/** Two levels down, as Debian has them: /var/lib/postgresql/15/main. */
async function dataDirectoryIn(
  directory: string,
  names: readonly string[],
  levels = 2,
): Promise<string | undefined> {
  for (const name of names) {
    const path = join(directory, name)
    const inside = await readdir(path).catch((): string[] => [])
    if (inside.includes('PG_VERSION') && inside.includes('global')) return path
    const deeper = levels > 1 ? await dataDirectoryIn(path, inside, levels - 1) : undefined
    if (deeper !== undefined) return deeper
  }
  return undefined
}

/** The nearest folder that is there must let us in: said by the plan, and not at the first file. */
async function assertMakeable(directory: string): Promise<void> {
  for (let above = dirname(directory); ; above = dirname(above)) {
    try {
      await access(above, constants.W_OK | constants.X_OK)
      return
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw unwritable(directory, error)
    }
  }
}

/** Decides what may be done with the directory, or says what to add to the command. */
export function judgeTarget(
  directory: string,
  state: TargetState,
  { delta, force }: { readonly delta: boolean; readonly force: boolean },
): TargetUse {
  switch (state.kind) {
    case 'absent':
    case 'empty':
      return 'fresh'
    case 'unfinished':
      return force ? 'clear' : 'delta'
    case 'data-directory':
      if (delta) return 'delta'
      if (force) return 'clear'
      throw unfit(
        `${directory} holds a data directory already`,
        'Use --delta to keep what is right in it, --force to delete it first, or name another directory.',
      )
    case 'other':
      if (force) return 'clear'
      throw delta
        ? unfit(
            `${directory} is no data directory: it holds ${state.sample}`,
            'Name the data directory that --delta shall repair.',
          )
        : unfit(
            `${directory} is not empty: it holds ${state.sample}`,
            'Name another directory, or use --force to delete what is there.',
          )
    case 'around':
      throw unfit(
        `${directory} holds the data directory ${state.dataDirectory}`,
        `Name the data directory itself, for example ${state.dataDirectory}, or another place: what is around one is not deleted.`,
      )
    case 'file':
      throw unfit(`${directory} is a file`, 'Name a directory.')
    case 'repository':
      throw unfit(`${directory} is a Holdfast repository`, 'Name a directory outside of the repository.')
  }
}

/** What must outlive the restore: it reads them, and whoever starts the server needs them. */
export interface Needed {
  /** Of all repositories of the configuration: nothing is ever written into one. */
  readonly repositoryUrls: readonly string[]
  /** The configuration, the key, this program. */
  readonly files: readonly string[]
}

/** A restore into a repository, or over what it needs itself, would destroy what it reads. */
export function assertApart(directory: string, { repositoryUrls, files }: Needed): void {
  const target = resolve(directory)
  for (const url of repositoryUrls) {
    if (!url.startsWith('file:')) continue
    const repository = resolve(fileURLToPath(url))
    if (!isWithin(target, repository) && !isWithin(repository, target)) continue
    throw unfit(
      `${directory} and the repository ${repository} lie within one another`,
      'Name a directory outside of the repository.',
    )
  }
  const file = files.find(path => isWithin(resolve(path), target))
  if (file !== undefined)
    throw unfit(
      `${directory} holds ${file}, which is needed for the restore and after it`,
      'Name another directory, or keep that file elsewhere: what is in the target directory and not in the backup is deleted.',
    )
}

const isWithin = (path: string, folder: string): boolean =>
  folder === sep || path === folder || path.startsWith(folder + sep)

export interface Preparation {
  readonly directory: string
  readonly use: TargetUse
  /** Permission bits of a data directory: 0700, or 0750 where the group may read. */
  readonly mode: number
  readonly owner: FileOwner | undefined
  /** Kept in the marker, for whoever finds it. */
  readonly backup: string
}

/** From here on, until `finishTarget`, no server can start on the directory. */
export async function prepareTarget({ directory, use, mode, owner, backup }: Preparation): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode })
    await chmod(directory, mode)
    if (owner) await chown(directory, owner.userId, owner.groupId)
    await writeMarker(directory, backup)
    if (use === 'clear') await clear(directory)
    if (use === 'delta') await rm(join(directory, controlFilePath), { force: true })
    await syncDirectory(directory)
  } catch (error) {
    throw unwritable(directory, error)
  }
}

/** The restore is whole. */
export async function finishTarget(directory: string): Promise<void> {
  await rm(join(directory, markerName))
  await syncDirectory(directory)
}

async function writeMarker(directory: string, backup: string): Promise<void> {
  const text = {
    restoring: backup,
    hint: 'This restore is under way, or was cut off: run the same holdfast restore again.',
  }
  const path = join(directory, markerName)
  const file = await open(`${path}.tmp`, 'w', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(text)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.tmp`, path)
}

/** pg_control goes first, so that what is half deleted can not be started either. */
async function clear(directory: string): Promise<void> {
  await rm(join(directory, controlFilePath), { force: true })
  for (const name of await readdir(directory)) {
    if (name !== markerName && name !== 'lost+found')
      await rm(join(directory, name), { recursive: true, force: true })
  }
}

async function namesIn(directory: string): Promise<readonly string[] | 'file' | undefined> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    if (errnoOf(error) === 'ENOTDIR') return 'file'
    throw unwritable(directory, error)
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Whom restored files shall belong to. PostgreSQL refuses to run as root, and on a directory that is not its own; so when
 * root restores, the files get the owner of the directory, or of the nearest one above that is not root's, or `postgres`.
 */
export async function chooseOwner(
  directory: string,
  own: { readonly userId: number; readonly groupId: number },
): Promise<FileOwner | undefined> {
  if (own.userId !== 0) return undefined
  for (let path = resolve(directory); ; path = dirname(path)) {
    const owner = await stat(path).catch(() => undefined)
    if (owner && owner.uid !== 0) return { userId: owner.uid, groupId: owner.gid }
    if (path === dirname(path)) return accountOf('postgres')
  }
}

async function accountOf(name: string): Promise<FileOwner | undefined> {
  const accounts = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const [, , userId, groupId] =
    accounts
      .split('\n')
      .map(line => line.split(':'))
      .find(([account]) => account === name) ?? []
  return userId === undefined || groupId === undefined
    ? undefined
    : { userId: Number(userId), groupId: Number(groupId) }
}

const unfit = (message: string, hint: string): Fault => new Fault('TARGET_DIRECTORY', message, { hint })

const unwritable = (directory: string, cause: unknown): Fault =>
  new Fault('TARGET_DIRECTORY', `${directory} can not be made ready: ${messageOf(cause)}`, {
    hint: 'Run as the user that the server shall run as, in a place where that user may write.',
    cause,
  })
