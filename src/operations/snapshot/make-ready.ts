/** What a base backup would have left out is taken out of a restored snapshot, and its tablespaces are linked to their new places. */
import { chmod, chown, lstat, mkdir, readdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, errnoOf, messageOf } from '../../base/fault.ts'
import { emptiedDirectories, isLeftOut, walDirectories } from '../../postgres/data-directory/exclusions.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { FilesLayout } from '../restore/restore.ts'
import type { SnapshotTreeRecord } from '../../repository/format/snapshot-part.ts'
import type { SnapshotLayout } from './restore-layout.ts'

/** Where a tree of the cluster came back. */
export type Places = ReadonlyMap<SnapshotTreeRecord['holds'], string>

/** Of a standby, and of servers that were restored once. */
const signals = ['recovery.signal', 'standby.signal', 'backup_label.old', 'tablespace_map.old']

/** WAL comes from the repository: old segments, and slots that would hold on to them, have no place in a copy. */
export async function makeReady(root: string, record: BackupRecord, files: FilesLayout): Promise<void> {
  const major = Math.floor(record.postgres.versionNumber / 10_000)
  try {
    for (const name of await readdir(root))
      if (isLeftOut(name) || signals.includes(name)) await rm(join(root, name), { force: true })
    for (const name of emptiedDirectories) await empty(join(root, name), files)
    await rm(join(root, 'pg_wal'), { recursive: true, force: true })
    for (const name of walDirectories(major)) await make(join(root, name), files)
  } catch (error) {
    throw unready(root, error)
  }
}

/** A link may lead into the original, which is most likely in use. */
export async function linkTablespaces(
  root: string,
  { tablespaces, restores }: SnapshotLayout,
  places: Places,
  files: FilesLayout,
): Promise<void> {
  const links = join(root, 'pg_tblspc')
  try {
    for (const name of await readdir(links)) {
      if ((await lstat(join(links, name))).isSymbolicLink()) await rm(join(links, name))
    }
    for (const { oid, to } of tablespaces) {
      const place = places.get(String(oid) as `${number}`)
      if (place === undefined) throw new Error(`the snapshot does not hold the tablespace ${String(oid)}`)
      // In a new volume it lies where it lay; a place of its own leads there.
      const isElsewhere = restores === 'volumes' && !to.includes('.tablespaces/')
      if (isElsewhere) await symlink(place, to)
      await symlink(isElsewhere ? to : place, join(links, String(oid)))
    }
  } catch (error) {
    throw unready(root, error)
  }
  await chmod(root, files.mode)
}

async function empty(path: string, files: FilesLayout): Promise<void> {
  try {
    for (const name of await readdir(path)) await rm(join(path, name), { recursive: true, force: true })
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    await make(path, files)
  }
}

async function make(path: string, { mode, owner }: FilesLayout): Promise<void> {
  await mkdir(path)
  await chmod(path, mode)
  if (owner) await chown(path, owner.userId, owner.groupId)
}

const unready = (root: string, cause: unknown): Fault =>
  new Fault('TARGET_DIRECTORY', `${root} can not be made ready: ${messageOf(cause)}`, {
    hint: 'Run as the user that the server shall run as.',
    cause,
  })
