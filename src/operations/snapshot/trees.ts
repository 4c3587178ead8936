/** The folders of a running cluster that have to be in a snapshot, as they lie on this host. */
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, messageOf } from '../../base/fault.ts'
import { nestedLocations, readTablespaces } from '../../postgres/data-directory/tablespaces.ts'
import type { Tree } from '../../snapshots/provider.ts'

/** The data directory first; pg_wal when it is a link; tablespaces that lie outside. Without links in their paths. */
export async function treesOf(dataDirectory: string): Promise<readonly Tree[]> {
  const root = await resolved(dataDirectory)
  const wal = await resolved(join(root, 'pg_wal'))
  const tablespaces = await readTablespaces(root)
  const nested = await nestedLocations(root, tablespaces)
  const trees: Tree[] = [{ holds: 'data', path: root }]
  if (wal !== join(root, 'pg_wal')) trees.push({ holds: 'wal', path: wal })
  for (const { oid, location } of tablespaces) {
    if (location === undefined) continue
    const path = await resolved(location)
    if (nested.has(path.slice(root.length + 1)) && path.startsWith(`${root}/`)) throw insideOfData(path, root)
    trees.push({ holds: String(oid) as `${number}`, path })
  }
  return trees
}

async function resolved(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    throw new Fault('DATA_DIRECTORY', `${path} can not be followed: ${messageOf(error)}`, {
      hint: 'Run as the user of the server, on its host.',
      cause: error,
    })
  }
}

const insideOfData = (path: string, root: string): Fault =>
  new Fault('SNAPSHOT_UNSUPPORTED', `the tablespace ${path} lies inside of the data directory ${root}`, {
    hint: 'Move it outside, which PostgreSQL asks for, too; or take a base backup instead (holdfast backup).',
  })
