/**
 * Where a host keeps its chain: a folder of files of lines, each named after its first entry. The last file is written to;
 * when it is large, the next one goes on with the chain.
 */
import { access, chown, constants, mkdir, open, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault, messageOf } from '../base/fault.ts'

export interface FolderChoice extends StateChoice {
  /** What the configuration says. */
  readonly directory: string | undefined
}

export interface StateChoice {
  /** The agent's folder: it is not made here, since who owns it matters. */
  readonly stateFolder: string
  readonly cluster: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Of the user who runs this. */
  readonly home: string
}

/** The configured one, else one in the agent's folder, else one in the user's own. */
export async function chooseFolder(choice: FolderChoice): Promise<string> {
  return choice.directory ?? join(await chooseState(choice), 'audit')
}

/** Where this user may keep what is to stay on this host: the agent's folder, else one of the user's own. */
export async function chooseState(choice: StateChoice): Promise<string> {
  const { stateFolder, cluster, environment, home } = choice
  if (await isWritable(stateFolder)) return stateFolder
  const { XDG_STATE_HOME: given } = environment
  const ownState = given?.startsWith('/') === true ? given : join(home, '.local/state')
  return join(ownState, 'holdfast', cluster)
}

/** Oldest first: `000000000001.jsonl`. Empty when nothing was ever written. */
export async function filesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isAbsent(error)) return []
    throw error
  })
  return names.filter(name => /^\d{12}\.jsonl$/.test(name)).toSorted()
}

/** A file of this name in the folder says that a repository lacks entries: the agent looks for it. */
export const owedMark = 'owed'

export const fileNameOf = (first: number): string => `${String(first).padStart(12, '0')}.jsonl`

export async function makeFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (made !== undefined) await giveToOwner(folder, dirname(made))
}

/** Root writes for whoever owns the folder: the next entry may be theirs. */
export async function giveToOwner(path: string, like: string): Promise<void> {
  const owner = await ownerLike(like)
  if (owner) await chown(path, owner.userId, owner.groupId)
}

/** Undefined where what is written belongs to the right one anyway. */
export async function ownerLike(
  path: string,
): Promise<{ readonly userId: number; readonly groupId: number } | undefined> {
  if (process.geteuid?.() !== 0) return undefined
  const { uid, gid } = await stat(path)
  return uid === 0 ? undefined : { userId: uid, groupId: gid }
}

/** What was made in it is there after a power failure, too. */
export async function syncFolder(folder: string): Promise<void> {
  const directory = await open(folder, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

export function unwritable(folder: string, why: string, cause?: unknown): Fault {
  return new Fault('AUDIT_UNWRITABLE', `the audit trail in ${folder} can not be written: ${why}`, {
    hint: 'Let the user who runs this write there, or name another folder as `directory` of `audit` in the configuration.',
    cause,
  })
}

export const unreadable = (folder: string, error: unknown): Fault =>
  new Fault('AUDIT_UNREADABLE', `the audit trail in ${folder} can not be read: ${messageOf(error)}`, {
    hint: 'Run this as the user who owns the folder, or read the copy: `holdfast audit list --from repository`.',
    cause: error,
  })

const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

async function isWritable(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}
