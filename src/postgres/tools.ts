/**
 * PostgreSQL's own programs, found by major version: a server of another version must never be started on a data
 * directory by mistake, so each program is asked for its version before it is used.
 */
import { execFile } from 'node:child_process'
import { access, constants, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'

const run = promisify(execFile)

export interface ToolPlaces {
  /** From the configuration: only this folder is looked at. */
  readonly binDirectory?: string | undefined
  /** `PATH`. */
  readonly path?: string | undefined
}

export interface ServerPrograms {
  readonly binDirectory: string
  readonly postgres: string
  /** For example `15.18`. */
  readonly version: string
  readonly major: number
}

/** Throws SERVER_START when this machine has no server of this major. */
export async function findServer(
  major: number,
  places: ToolPlaces,
  signal: AbortSignal,
): Promise<ServerPrograms> {
  const postgres = await findTool('postgres', major, places, signal)
  if (postgres)
    return {
      binDirectory: join(postgres.path, '..'),
      postgres: postgres.path,
      version: postgres.version,
      major,
    }
  const where = places.binDirectory ?? candidates(major, places).join(', ')
  throw new Fault(
    'SERVER_START',
    `no PostgreSQL ${String(major)} was found on this machine (looked in ${where})`,
    {
      hint: `Install PostgreSQL ${String(major)} (for example apt-get install postgresql-${String(major)}), or set postgres.bin_directory in the configuration.`,
    },
  )
}

export interface FoundTool {
  readonly path: string
  readonly version: string
}

/** `pg_verifybackup`, `pg_amcheck`, … of exactly this major; undefined when there is none. */
export async function findTool(
  name: string,
  major: number,
  places: ToolPlaces,
  signal: AbortSignal,
): Promise<FoundTool | undefined> {
  for (const folder of candidates(major, places)) {
    const path = join(folder, name)
    const version = await versionOf(path, signal)
    if (version !== undefined && Number.parseInt(version, 10) === major) return { path, version }
  }
  return undefined
}

/**
 * `pg_dump`, `pg_restore`, `psql`, … of this major or, when there is none, of the next newer one that is here. Throws
 * PROGRAM_MISSING, which names the package, when there is none.
 */
export async function findClientProgram(
  name: string,
  majorMin: number,
  places: ToolPlaces,
  signal: AbortSignal,
): Promise<FoundTool> {
  for (let major = majorMin; major <= clientMajorMax; major++) {
    const found = await findTool(name, major, places, signal)
    if (found) return found
  }
  const where = places.binDirectory ?? candidates(majorMin, places).join(', ')
  let older: FoundTool | undefined
  for (let major = majorMin - 1; major >= clientMajorMin; major--)
    older ??= await findTool(name, major, places, signal)
  throw new Fault(
    'PROGRAM_MISSING',
    `${name} of PostgreSQL ${String(majorMin)} or newer is not on this machine (looked in ${where})${older ? `; ${older.path} is ${older.version}, which is older` : ''}`,
    {
      hint: `Install it: apt-get install postgresql-client-${String(majorMin)} (Debian, Ubuntu; from apt.postgresql.org where the distribution has none) or dnf install postgresql${String(majorMin)}; or set postgres.bin_directory in the configuration.`,
    },
  )
}

/** Newer ones than Holdfast knows may be there. */
const clientMajorMax = 30
const clientMajorMin = 10

/** Where distributions put them, most telling first. The path comes last: it may name any version. */
function candidates(major: number, { binDirectory, path = '' }: ToolPlaces): readonly string[] {
  if (binDirectory !== undefined) return [binDirectory]
  const number = String(major)
  return [
    `/usr/lib/postgresql/${number}/bin`, // Debian, Ubuntu
    `/usr/pgsql-${number}/bin`, // packages of postgresql.org for Red Hat and SUSE
    `/usr/lib/postgresql${number}/bin`, // SUSE
    `/usr/libexec/postgresql${number}`, // Alpine
    `/opt/postgresql/${number}/bin`,
    '/usr/local/pgsql/bin',
    ...path.split(delimiter).filter(folder => folder.startsWith('/')),
  ]
}

/** What programs said, and which files they were then: an upgrade puts another one in its place. */
const known = new Map<string, { readonly file: string; readonly version: string | undefined }>()

/** From `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`. */
async function versionOf(path: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    await access(path, constants.X_OK)
    const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path)
    const file = [dev, ino, size, mtimeMs, ctimeMs].join(' ')
    const told = known.get(path)
    if (told?.file === file) return told.version
    const { stdout } = await run(path, ['--version'], {
      signal,
      timeout: limits.toolMsMax,
      env: { LC_ALL: 'C' },
    })
    const version = /\(PostgreSQL\) (\d+[^\s]*)/.exec(stdout)?.[1]
    known.set(path, { file, version })
    return version
  } catch {
    signal.throwIfAborted()
    return undefined
  }
}
