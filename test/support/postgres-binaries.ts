/**
 * Where tests find PostgreSQL's programs, and the user that runs them.
 *
 * PostgreSQL refuses to run as root: when the tests do, servers run as `postgres` (which Debian's package makes)
 * or, without it, as `nobody`.
 */
import { execFileSync } from 'node:child_process'
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Major = 14 | 15 | 16 | 17 | 18
export const majors: readonly Major[] = [14, 15, 16, 17, 18]

/** Which build of PostgreSQL: the npm packages bring servers of all majors, Debian brings all client programs too. */
export type Build = 'embedded' | 'debian'

export interface ServerUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** The user that servers run as. */
export function serverUser(): ServerUser {
  const uid = process.getuid?.() ?? 0
  if (uid !== 0)
    return {
      name: userNamed(line => line[2] === String(uid))?.name ?? 'tests',
      uid,
      gid: process.getgid?.() ?? uid,
    }
  const found = userNamed(line => line[0] === 'postgres') ?? userNamed(line => line[0] === 'nobody')
  if (!found)
    throw new Error('tests that start PostgreSQL need a user "postgres" or "nobody" when they run as root')
  return found
}

function userNamed(fits: (fields: readonly string[]) => boolean): ServerUser | undefined {
  const fields = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map(line => line.split(':'))
    .find(fits)
  return fields && { name: fields[0] ?? '', uid: Number(fields[2]), gid: Number(fields[3]) }
}

/** The folder of `postgres`, `initdb` and `pg_ctl`, readable by `serverUser()`. */
export function binDirectory(major: Major, build: Build = 'embedded'): string {
  if (build === 'debian') return `/usr/lib/postgresql/${String(major)}/bin`
  const packaged = fileURLToPath(
    new URL(`../../node_modules/postgres-${String(major)}/native`, import.meta.url),
  )
  if (!existsSync(packaged)) throw new Error(`${packaged} is missing: run npm ci`)
  return join(reachable(packaged), 'bin')
}

/** A checkout under /root can not be read by the user of the server: then a copy outside of it is used. */
function reachable(packaged: string): string {
  if (isReachable(packaged)) return packaged
  const version = readVersion(join(packaged, '..', 'package.json'))
  const copy = join(tmpdir(), `holdfast-test-postgres-${version}`)
  if (existsSync(copy)) return copy
  const half = mkdtempSync(`${copy}-`)
  cpSync(packaged, half, { recursive: true, verbatimSymlinks: true })
  execFileSync('chmod', ['-R', 'a+rX', half])
  try {
    renameSync(half, copy)
  } catch {
    rmSync(half, { recursive: true, force: true }) // Another test file was faster.
  }
  return copy
}

function isReachable(path: string): boolean {
  if (process.getuid?.() !== 0) {
    try {
      accessSync(path, constants.R_OK | constants.X_OK)
      return true
    } catch {
      return false
    }
  }
  const { uid, gid } = serverUser()
  try {
    execFileSync('/bin/ls', [path], { uid, gid, stdio: 'ignore', cwd: '/' })
    return true
  } catch {
    return dirname(path) === path
  }
}

function readVersion(packageFile: string): string {
  const text: unknown = JSON.parse(readFileSync(packageFile, 'utf8'))
  return typeof text === 'object' && text !== null && 'version' in text ? String(text.version) : 'unknown'
}
