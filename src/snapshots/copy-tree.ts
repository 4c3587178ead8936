/**
 * Copies a tree file by file: as clones that share their blocks where asked for (what `cp -a --reflink=always` does), as
 * clones where it can be had else. A source that changes meanwhile is no failure: what vanishes is left out, as PostgreSQL's
 * own base backups do; WAL brings the rest in order.
 */
import {
  chmod,
  chown,
  constants,
  copyFile,
  lchown,
  lstat,
  mkdir,
  opendir,
  readlink,
  symlink,
  utimes,
} from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../base/fault.ts'
import type { CopyRules } from './provider.ts'

export interface TreeCopy {
  readonly from: string
  readonly to: string
  /** `always`: never a plain copy, which would take as long as the data are large. */
  readonly clone: 'always' | 'if possible'
  readonly rules: CopyRules
  /** Absolute: folders in which the copies themselves lie. */
  readonly leaveOut?: readonly string[] | undefined
}

export interface CopiedTree {
  readonly files: number
  readonly bytes: number
}

/** So many files are copied at the same time. */
const parallel = 8

export async function copyTree(copy: TreeCopy, signal: AbortSignal): Promise<CopiedTree> {
  const state = { files: 0, bytes: 0, later: [] as string[], folders: [] as Folder[] }
  await copyFolder(copy, '', state, signal)
  for (const path of copy.rules.last.filter(one => state.later.includes(one))) {
    await copyOne(copy, path, await lstat(join(copy.from, path)), state)
  }
  // Times of folders change with what is made in them.
  for (const { path, stats } of state.folders.toReversed()) await utimes(path, stats.atime, stats.mtime)
  return { files: state.files, bytes: state.bytes }
}

interface Folder {
  readonly path: string
  readonly stats: Stats
}

interface CopyState {
  files: number
  bytes: number
  readonly later: string[]
  readonly folders: Folder[]
}

async function copyFolder(
  copy: TreeCopy,
  path: string,
  state: CopyState,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  const from = join(copy.from, path)
  const to = join(copy.to, path)
  const stats = await lstat(from)
  await mkdir(to, { mode: 0o700 })
  await keepOwner(to, stats)
  await chmod(to, stats.mode & 0o7777)
  state.folders.push({ path: to, stats })
  if (copy.rules.emptied.includes(path)) return
  const folders: string[] = []
  let batch: Promise<void>[] = []
  for await (const entry of await opendir(from)) {
    const inner = path === '' ? entry.name : `${path}/${entry.name}`
    if (copy.leaveOut?.includes(join(copy.from, inner))) continue
    if (entry.isDirectory()) folders.push(inner)
    else if (copy.rules.last.includes(inner)) state.later.push(inner)
    else batch.push(copyEntry(copy, inner, state))
    if (batch.length < parallel) continue
    await settle(batch)
    batch = []
    signal.throwIfAborted()
  }
  await settle(batch)
  for (const inner of folders) await unlessVanished(() => copyFolder(copy, inner, state, signal))
}

/** All have ended before one that failed is told. */
async function settle(batch: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(batch)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

async function copyEntry(copy: TreeCopy, path: string, state: CopyState): Promise<void> {
  await unlessVanished(async () => {
    await copyOne(copy, path, await lstat(join(copy.from, path)), state)
  })
}

/** Sockets and the like are not copied. */
async function copyOne(
  { from, to, clone }: TreeCopy,
  path: string,
  stats: Stats,
  state: CopyState,
): Promise<void> {
  const target = join(to, path)
  if (stats.isSymbolicLink()) {
    await symlink(await readlink(join(from, path)), target)
    if (isRoot) await lchown(target, stats.uid, stats.gid)
    return
  }
  if (!stats.isFile()) return
  const how = clone === 'always' ? constants.COPYFILE_FICLONE_FORCE : constants.COPYFILE_FICLONE
  await copyFile(join(from, path), target, constants.COPYFILE_EXCL | how)
  await keepOwner(target, stats)
  await chmod(target, stats.mode & 0o7777)
  await utimes(target, stats.atime, stats.mtime)
  state.files++
  state.bytes += stats.size
}

const isRoot = process.getuid?.() === 0

async function keepOwner(path: string, { uid, gid }: Stats): Promise<void> {
  if (isRoot) await chown(path, uid, gid)
}

async function unlessVanished(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}
