/**
 * New clusters for tests, as initdb makes them. It takes most of a second each time, so in a run of the tests it is asked
 * once for each kind of cluster, and all others are copies of what it made.
 */
import { crc32c } from '@node-rs/crc32'
import { execFile } from 'node:child_process'
import { randomInt } from 'node:crypto'
import {
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { crcOffsets } from '../../src/postgres/control-file.ts'
import { binDirectory, serverUser, type Build, type Major } from './postgres-binaries.ts'

const run = promisify(execFile)

export interface ClusterOptions {
  readonly major: Major
  /** `debian`: only 15, which has all client programs. */
  readonly build?: Build | undefined
  /** Page checksums; on unless said otherwise. */
  readonly checksums?: boolean | undefined
  readonly walSegmentSizeMb?: number | undefined
  readonly initdbArgs?: readonly string[] | undefined
}

/** Names the folder, of the user of the servers, that holds a cluster of each kind; run-setup.ts makes it. */
export const clusterTemplates = 'HOLDFAST_TEST_CLUSTERS'

/** Makes a new cluster, which has an identifier of its own, in a folder that is empty or does not exist yet. */
export async function makeCluster(dataDirectory: string, options: ClusterOptions): Promise<void> {
  const templates = process.env[clusterTemplates]
  // Words of the test's own may put a part of the cluster elsewhere.
  if (templates === undefined || options.initdbArgs) return initdb(dataDirectory, options)
  const template = await templateFor(options, templates)
  // Its files are as new as the cluster.
  await run('cp', ['-RT', '--preserve=mode,ownership', template, dataDirectory])
  identifyAnew(dataDirectory)
}

async function templateFor(options: ClusterOptions, templates: string): Promise<string> {
  const { major, build = 'embedded', checksums = true, walSegmentSizeMb = 16 } = options
  const words = [build, major, checksums ? 'checksums' : 'none', `${String(walSegmentSizeMb)}MB`]
  const template = join(templates, words.join('-'))
  if (existsSync(template)) return template
  const half = mkdtempSync(`${template}.`)
  const { uid, gid } = serverUser()
  chownSync(half, uid, gid)
  await initdb(half, options)
  try {
    renameSync(half, template)
  } catch {
    rmSync(half, { recursive: true, force: true }) // Another test was faster.
  }
  return template
}

async function initdb(dataDirectory: string, options: ClusterOptions): Promise<void> {
  const { uid, gid } = serverUser()
  const args = ['-D', dataDirectory, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  // Version 18 turned checksums on by default; before, they had to be asked for.
  if (options.checksums ?? true) args.push('--data-checksums')
  else if (options.major >= 18) args.push('--no-data-checksums')
  if (options.walSegmentSizeMb !== undefined) args.push(`--wal-segsize=${String(options.walSegmentSizeMb)}`)
  const program = join(binDirectory(options.major, options.build), 'initdb')
  await run(program, [...args, ...(options.initdbArgs ?? [])], { uid, gid, cwd: '/' })
}

/** The identifier stands in pg_control, under its checksum, and in the first page of each segment of WAL. */
function identifyAnew(dataDirectory: string): void {
  const identifier = Buffer.alloc(8)
  identifier.writeBigUInt64LE(newIdentifier())
  const controlPath = join(dataDirectory, 'global/pg_control')
  const control = readFileSync(controlPath)
  identifier.copy(control)
  const crcOffset = crcOffsets[control.readUInt32LE(8)]
  if (crcOffset === undefined) throw new Error(`${controlPath} is of an unknown version`)
  control.writeUInt32LE(crc32c(control.subarray(0, crcOffset)), crcOffset)
  writeFileSync(controlPath, control)
  for (const name of readdirSync(join(dataDirectory, 'pg_wal')))
    if (/^[0-9A-F]{24}$/.test(name)) overwrite(join(dataDirectory, 'pg_wal', name), identifier, 24)
}

/** As initdb draws it: the time in seconds, microseconds (here of whole milliseconds), and 12 bits that tell apart. */
function newIdentifier(): bigint {
  const nowMs = Date.now()
  const micros = (nowMs % 1000) * 1000
  return (BigInt(Math.floor(nowMs / 1000)) << 32n) | (BigInt(micros) << 12n) | BigInt(randomInt(4096))
}

function overwrite(path: string, bytes: Uint8Array, offset: number): void {
  const file = openSync(path, 'r+')
  writeSync(file, bytes, 0, bytes.length, offset)
  closeSync(file)
}
