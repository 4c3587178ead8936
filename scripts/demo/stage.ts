/**
 * The folder in which everything happens, and the programs that run there. The folder goes away with its owner, even
 * when that is killed outright: a small shell process watches for it.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { arch, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GiB, formatBytes } from '../../src/base/units.ts'
import type { Account } from './account.ts'

export interface Stage {
  readonly folder: string
  readonly account: Account
  /** The folder of `initdb` and `postgres`. */
  readonly binDirectory: string
  /** The path of `holdfast`. */
  readonly holdfast: string
  /** A path in the folder. */
  at(...names: readonly string[]): string
  /** From now on the folder stays. */
  keep(): void
  /** The servers have to be stopped. */
  remove(): void
}

const checkout = fileURLToPath(new URL('../..', import.meta.url))
const postgresPackage = 'node_modules/postgres-18/native'

/** Data, WAL, backup, archived WAL and the copy, and some room. */
const bytesPerOrder = 3000

export function openStage(account: Account, orders: number): Stage {
  const folder = makeFolder(account, GiB / 4 + orders * bytesPerOrder)
  try {
    const watchdog = startWatchdog(folder)
    const programs = makeReachable(folder, account)
    return {
      folder,
      account,
      ...programs,
      at: (...names) => join(folder, ...names),
      keep: () => void watchdog.kill('SIGKILL'),
      remove() {
        // A helper of Holdfast that is just ending may still write something, also into what was looked through already.
        for (let tries = 0; existsSync(folder) && tries < 50; tries++) {
          rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
        }
        watchdog.kill('SIGKILL')
      },
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

/** Servers of the demo that run: all data directories lie side by side in the folder. */
export const postmasterFiles = '*/postmaster.pid'

function makeFolder({ uid, gid }: Account, needBytes: number): string {
  const places = [...new Set([tmpdir(), '/var/tmp'])].filter(existsSync)
  const place = places.find(path => freeBytes(path) >= needBytes)
  if (place === undefined)
    throw new Error(
      `the demo needs ${formatBytes(needBytes)} of disk, and ${places.map(path => `${path} has ${formatBytes(freeBytes(path))}`).join(', ')}: ` +
        'set TMPDIR to a folder with more room, or give --orders 100000',
    )
  const folder = mkdtempSync(join(place, 'holdfast-demo-'))
  for (const path of [folder, join(folder, 'socket')]) {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    chownSync(path, uid, gid)
  }
  return folder
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** Reads its standard input, which ends when this process does, however that came about. */
function startWatchdog(folder: string): ChildProcess {
  const script = `cat >/dev/null
    for pid in "$1"/${postmasterFiles}; do kill -QUIT "$(head -n 1 "$pid")"; done 2>/dev/null
    sleep 2; rm -rf "$1" || { sleep 2; rm -rf "$1"; }`
  const child = spawn('/bin/sh', ['-c', script, 'watchdog', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  })
  child.unref()
  return child
}

/** A checkout under /root, say, can not be read by the user of the server; then what it needs is copied. */
function makeReachable(folder: string, account: Account): Pick<Stage, 'binDirectory' | 'holdfast'> {
  const programsIn = (place: string): Pick<Stage, 'binDirectory' | 'holdfast'> => ({
    binDirectory: join(place, postgresPackage, 'bin'),
    holdfast: join(place, 'bin/holdfast'),
  })
  const here = programsIn(checkout)
  if (runs(join(here.binDirectory, 'postgres'), account) && runs(here.holdfast, account)) return here
  const copy = join(folder, 'programs')
  const node = `node_modules/node-linux-${arch()}`
  for (const part of ['package.json', 'bin', 'dist', 'node_modules/@node-rs', node, postgresPackage]) {
    if (!existsSync(join(checkout, part))) continue
    cpSync(join(checkout, part), join(copy, part), { recursive: true, verbatimSymlinks: true })
  }
  spawnSync('chmod', ['-R', 'a+rX', copy])
  return programsIn(copy)
}

function runs(program: string, { uid, gid }: Account): boolean {
  return spawnSync(program, ['--version'], { uid, gid, cwd: '/', stdio: 'ignore' }).status === 0
}
