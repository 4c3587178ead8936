/** Where the parts of a restored cluster go: the data directory and its tablespaces; and whether there is room. */
import { chmod, chown, mkdir, readdir, readlink, realpath, rm, stat, statfs, symlink } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { Fault, errnoOf, messageOf } from '../../base/fault.ts'
import { formatBytes } from '../../base/units.ts'
import type { BackupRecord, TablespaceRecord } from '../../repository/format/backup-record.ts'
import type { FileOwner } from '../workers/messages.ts'
import { versionDirectory } from '../../postgres/data-directory/tablespaces.ts'
import type { TargetUse } from './target-directory.ts'

export interface TablespacePlace {
  readonly oid: number
  readonly name: string
  readonly from: string
  readonly to: string
  readonly sizeBytes: number
}

export interface TablespaceMapping {
  readonly from: string
  readonly to: string
}

/** Applies `--tablespace OLD=NEW`; OLD may be the location or the name. Every mapping must fit one. */
export function placeTablespaces(
  tablespaces: readonly TablespaceRecord[],
  mappings: readonly TablespaceMapping[],
): readonly TablespacePlace[] {
  const fits = ({ from }: TablespaceMapping, { location, name }: TablespaceRecord): boolean =>
    from === location || from === name
  const stray = mappings.find(mapping => !tablespaces.some(tablespace => fits(mapping, tablespace)))
  if (stray) {
    const known = tablespaces.map(({ name, location }) => `${name} at ${location}`).join(', ')
    throw usage(
      `the backup has no tablespace ${stray.from}`,
      known === '' ? 'It has none: leave --tablespace out.' : `It has: ${known}.`,
    )
  }
  const relative = mappings.find(({ to }) => !isAbsolute(to))
  if (relative)
    throw usage(
      `--tablespace ${relative.from}=${relative.to}: the new place is not an absolute path`,
      'Give an absolute path.',
    )
  const places = tablespaces.map(tablespace => ({
    oid: tablespace.oid,
    name: tablespace.name,
    from: tablespace.location,
    to: resolve(mappings.find(mapping => fits(mapping, tablespace))?.to ?? tablespace.location),
    sizeBytes: tablespace.sizeBytes,
  }))
  const twice = places.find(({ to }, i) => places.findIndex(other => other.to === to) !== i)
  if (twice)
    throw usage(`two tablespaces would share ${twice.to}`, 'Give each tablespace a place of its own.')
  return places
}

/**
 * A tablespace's place may hold data already. It is this directory's own only when the directory's link leads there; else
 * it may be in use by the original server, and is never touched.
 */
export async function assertPlacesFree(
  directory: string,
  use: TargetUse,
  places: readonly TablespacePlace[],
  record: BackupRecord,
): Promise<void> {
  const version = versionDirectory(
    Math.floor(record.postgres.versionNumber / 10_000),
    record.postgres.catalogVersion,
  )
  for (const { oid, to, name } of places) {
    const holds = await readdir(join(to, version)).catch(() => [])
    if (holds.length === 0) continue
    const link = await readlink(join(directory, 'pg_tblspc', String(oid))).catch(() => undefined)
    if (use !== 'fresh' && link !== undefined && resolve(link) === to) continue
    throw new Fault(
      'TARGET_DIRECTORY',
      `the place of tablespace ${name}, ${to}, holds data that may be another server's`,
      {
        hint: `Name another place: --tablespace ${to}=/somewhere/else. If the data there is no longer needed, remove ${join(to, version)} by hand.`,
      },
    )
  }
}

/** Makes the places and the links `pg_tblspc/<oid>` to them. */
export async function makePlaces(
  directory: string,
  places: readonly TablespacePlace[],
  {
    use,
    mode,
    owner,
  }: { readonly use: TargetUse; readonly mode: number; readonly owner: FileOwner | undefined },
  record: BackupRecord,
): Promise<void> {
  const version = versionDirectory(
    Math.floor(record.postgres.versionNumber / 10_000),
    record.postgres.catalogVersion,
  )
  const links = join(directory, 'pg_tblspc')
  await mkdir(links, { recursive: true, mode })
  for (const { oid, to } of places) {
    const link = join(links, String(oid))
    try {
      await mkdir(to, { recursive: true, mode })
      await chmod(to, mode)
      if (owner) await chown(to, owner.userId, owner.groupId)
      if (use === 'clear') await rm(join(to, version), { recursive: true, force: true })
      await rm(link, { recursive: true, force: true })
      await symlink(to, link)
    } catch (error) {
      throw new Fault(
        'TARGET_DIRECTORY',
        `the tablespace place ${to} can not be made ready: ${messageOf(error)}`,
        {
          hint: 'Run as a user that may write there, or name another place with --tablespace OLD=NEW.',
          cause: error,
        },
      )
    }
  }
}

export interface SpaceNeed {
  readonly path: string
  readonly needBytes: number
  readonly freeBytes: number
}

/** What each file system has to take in, and what it has free; `keptBytes` are there already and are written over. */
export async function measureSpace(
  parts: readonly { readonly path: string; readonly needBytes: number; readonly keptBytes: number }[],
): Promise<readonly SpaceNeed[]> {
  const byDevice = new Map<number, SpaceNeed>()
  for (const { path, needBytes, keptBytes } of parts) {
    const there = await nearestExisting(path)
    const { dev } = await stat(there)
    const { bavail, bsize } = await statfs(there)
    const known = byDevice.get(dev) ?? { path, needBytes: 0, freeBytes: bavail * bsize }
    byDevice.set(dev, {
      ...known,
      needBytes: known.needBytes + needBytes,
      freeBytes: known.freeBytes + keptBytes,
    })
  }
  return [...byDevice.values()]
}

const moreRoom =
  'Make room there, name another directory, or move tablespaces elsewhere with --tablespace OLD=NEW.'

export function assertSpace(needs: readonly SpaceNeed[], hint = moreRoom): void {
  const short = needs.find(({ needBytes, freeBytes }) => needBytes > freeBytes)
  if (!short) return
  throw new Fault(
    'SPACE',
    `${short.path} needs ${formatBytes(short.needBytes)}, and ${formatBytes(short.freeBytes)} are free there`,
    { hint },
  )
}

async function nearestExisting(path: string): Promise<string> {
  for (let at = resolve(path); ; at = dirname(at)) {
    try {
      return await realpath(at)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || at === dirname(at)) throw error
    }
  }
}

const usage = (message: string, hint: string): Fault => new Fault('USAGE', message, { hint })
