/**
 * Other people's programs that judge our work: found by major version, or a reason why not.
 *
 * pg_verifybackup, pg_controldata and pg_amcheck must be of the server's own major; pg_dump, psql, pgbench and
 * pg_basebackup may be newer.
 */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

export type ClientTool =
  | 'pg_amcheck'
  | 'pg_basebackup'
  | 'pg_checksums'
  | 'pg_combinebackup'
  | 'pg_controldata'
  | 'pg_dump'
  | 'pg_verifybackup'
  | 'pg_waldump'
  | 'pgbench'
  | 'psql'

export type FoundTool = { readonly path: string } | { readonly path: undefined; readonly reason: string }

/** A client program of PostgreSQL of exactly this major. */
export function findClientTool(tool: ClientTool, major: number): FoundTool {
  const path = join(`/usr/lib/postgresql/${String(major)}/bin`, tool)
  if (isExecutable(path)) return { path }
  return {
    path: undefined,
    reason: `${tool} of PostgreSQL ${String(major)} is not here (${path} does not exist)`,
  }
}

/** Any other program, on the path. */
export function findProgram(name: string): FoundTool {
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map(folder => join(folder, name))
    .find(isExecutable)
  return path === undefined ? { path, reason: `${name} is not on the path` } : { path }
}

/** For tests that make no sense without the tool. */
export function requireTool(found: FoundTool): string {
  if (found.path === undefined) throw new Error(found.reason)
  return found.path
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
