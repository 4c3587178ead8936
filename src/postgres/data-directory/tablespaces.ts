/**
 * Tablespaces as they lie on disk: `pg_tblspc/<oid>` is a link to a folder (or, "in place", a folder itself), and
 * in it each version of PostgreSQL has a folder of its own.
 */
import { readdir, readlink, realpath } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** TABLESPACE_VERSION_DIRECTORY: `PG_15_202209061`. */
export function versionDirectory(major: number, catalogVersion: number): string {
  return `PG_${String(major)}_${String(catalogVersion)}`
}

export interface TablespaceOnDisk {
  readonly oid: number
  /** `pg_tblspc/16385`. */
  readonly path: string
  /** Where the link points, as it stands there; undefined for a tablespace in place. */
  readonly location: string | undefined
}

/** In the order of their numbers. What is no tablespace in pg_tblspc is passed over. */
export async function readTablespaces(dataDirectory: string): Promise<readonly TablespaceOnDisk[]> {
  const entries = await readdir(join(dataDirectory, 'pg_tblspc'), { withFileTypes: true })
  const found = entries
    .filter(entry => /^[1-9]\d*$/.test(entry.name) && (entry.isSymbolicLink() || entry.isDirectory()))
    .map(async entry => ({
      oid: Number(entry.name),
      path: `pg_tblspc/${entry.name}`,
      location: entry.isSymbolicLink()
        ? await readlink(join(dataDirectory, 'pg_tblspc', entry.name))
        : undefined,
    }))
  return (await Promise.all(found)).toSorted((a, b) => a.oid - b.oid)
}

/** Tablespaces that somebody put inside the data directory, as paths in it: they must not be taken twice. */
export async function nestedLocations(
  dataDirectory: string,
  tablespaces: readonly TablespaceOnDisk[],
): Promise<ReadonlySet<string>> {
  const root = await realpath(dataDirectory)
  const nested = new Set<string>()
  for (const { location } of tablespaces) {
    if (location === undefined) continue
    const path = relative(root, await realpath(location).catch(() => location))
    if (path !== '' && path !== '..' && !path.startsWith('../')) nested.add(path)
  }
  return nested
}
