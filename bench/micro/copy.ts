/**
 * The whole engine without a server: copies a data directory (stopped, or a copy of one) out into packs, checks
 * them, copies them in, and in once more as a delta. Prints wall time, CPU time and peak memory of each.
 *
 *     scripts/node bench/micro/copy.ts DATA-DIRECTORY WORK-DIRECTORY [--workers 2] [--level 3] [--no-encryption] [--steps out,check,in,delta]
 *
 * With `--steps in` it takes the packs that an earlier run left in the work directory.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { silentProgress } from '../../src/base/progress.ts'
import { systemWorld } from '../../src/base/world.ts'
import { checkPacks } from '../../src/operations/workers/check/check-packs.ts'
import { copyIn } from '../../src/operations/workers/copy-in/copy-in.ts'
import { copyOut } from '../../src/operations/workers/copy-out/copy-out.ts'
import { openLastPack } from '../../src/operations/workers/copy-out/last-pack.ts'
import type { PackObject } from '../../src/operations/workers/messages.ts'
import { WorkQueueBuilder, type WorkQueue } from '../../src/operations/workers/work-queue.ts'
import { generateIdentity } from '../../src/pipeline/age.ts'
import { scanDataDirectory } from '../../src/postgres/data-directory/scan.ts'
import type { ManifestDirectory } from '../../src/repository/format/manifest.ts'
import { openManifest } from '../../src/repository/packs/manifest-reader.ts'
import { writeManifest } from '../../src/repository/packs/manifest-writer.ts'
import { openStorage } from '../../src/storage/open.ts'

const MiB = 1024 * 1024
const never = new AbortController().signal
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    workers: { type: 'string', default: '2' },
    level: { type: 'string', default: '3' },
    'no-encryption': { type: 'boolean', default: false },
    /** The worker that `npm run build` made, as the product runs it. */
    built: { type: 'boolean', default: false },
    steps: { type: 'string', default: 'out,check,in,delta' },
  },
})
const [source, work] = positionals
if (source === undefined || work === undefined)
  throw new Error('name the data directory and a directory to work in')
const steps = new Set(values.steps.split(','))
const workers = Number(values.workers)
const world = systemWorld()
const host = {
  world,
  progress: silentProgress,
  worker: new URL(values.built ? '../../dist/worker.js' : '../../src/worker.ts', import.meta.url),
}
const storage = { url: `file://${join(work, 'repository')}` }
const keyPrefix = 'c/backups/b/'
const manifestKey = `${keyPrefix}manifest`
const pages = { blockSizeBytes: 8192, segmentBlocks: 131_072, startLsn: 0xffff_ffff_ffff_ffffn }

interface State {
  readonly identity: string
  readonly packs: readonly (PackObject & { files: number; rawBytes: number })[]
  readonly bytes: number
}

async function measured<T>(name: string, bytes: number | undefined, run: () => Promise<T>): Promise<T> {
  const start = performance.now()
  const before = process.resourceUsage()
  const result = await run()
  const seconds = (performance.now() - start) / 1000
  const after = process.resourceUsage()
  const cpu = (key: 'userCPUTime' | 'systemCPUTime'): string => ((after[key] - before[key]) / 1e6).toFixed(2)
  const rate = bytes === undefined ? '' : `${(bytes / MiB / seconds).toFixed(0)} MiB/s`
  console.log(
    `${name.padEnd(9)} ${seconds.toFixed(2).padStart(6)} s  user ${cpu('userCPUTime')} s  system ${cpu('systemCPUTime')} s  ` +
      `${rate.padStart(10)}  peak ${(after.maxRSS / 1024).toFixed(0)} MiB`,
  )
  return result
}

async function out(from: string, to: string): Promise<State> {
  rmSync(join(to, 'repository'), { recursive: true, force: true })
  mkdirSync(join(to, 'repository'), { recursive: true })
  const { identity, recipient } = await generateIdentity()
  const encoding = { level: Number(values.level), recipients: values['no-encryption'] ? [] : [recipient] }
  const found = await measured('scan', undefined, () => scan(from))
  const owner = { userId: 0, groupId: 0 }
  const place = { dataDirectory: from, keyPrefix, encoding }
  const request = {
    ...place,
    storage,
    pages,
    queue: found.queue,
    entries: found.directories.map(directory => ({
      kind: 'directory' as const,
      sizeBytes: 0,
      modifiedMs: 0,
      ...directory,
      ...owner,
    })),
    workers,
  }
  const copied = await measured('copy out', found.queue.totalBytes, () => copyOut(host, request, never))
  await using opened = await disposable(await openStorage(storage, world))
  const number = 1 + Math.max(...copied.packs.map(pack => pack.number))
  await using last = openLastPack(world, { ...place, storage: opened.storage, number, owner })
  await last.copy('global/pg_control', never)
  const packs = [...copied.packs, await last.finish()]
  const logs = packs.map(pack => pack.entries)
  const target = { storage: opened.storage, key: manifestKey, encoding }
  await measured('manifest', undefined, () =>
    writeManifest(target, { backup: 'b', directories: found.directories }, logs, never),
  )
  const stored = packs.reduce((sum, pack) => sum + pack.sizeBytes, 0)
  const { report } = copied
  console.log(
    `${String(report.files)} files, ${(report.bytes / MiB).toFixed(0)} MiB, ${(stored / MiB).toFixed(1)} MiB stored in ${String(packs.length)} packs, ` +
      `${String(report.pagesChecked)} pages checked, ${String(report.pagesCorrupt)} corrupt`,
  )
  return { identity, packs: packs.map(pack => ({ ...pack, entries: [] })), bytes: report.bytes }
}

async function scan(from: string): Promise<{ queue: WorkQueue; directories: ManifestDirectory[] }> {
  const major = Number(readFileSync(join(from, 'PG_VERSION'), 'utf8'))
  const queue = new WorkQueueBuilder()
  const directories: ManifestDirectory[] = []
  for await (const item of scanDataDirectory({ dataDirectory: from, major, catalogVersion: 0 }, never)) {
    if (item.kind === 'directory' && item.path !== '') directories.push({ path: item.path, mode: item.mode })
    if (item.kind === 'files')
      item.names.forEach((name, i) => queue.add(item.directory, name, item.sizes[i] ?? 0))
  }
  return { queue: queue.close(), directories }
}

async function check({ identity, packs, bytes }: State): Promise<void> {
  await using opened = await disposable(await openStorage(storage, world))
  const { files } = await openManifest(
    { storage: opened.storage, key: manifestKey, identities: [identity] },
    never,
  )
  const request = { storage, keyPrefix, identities: [identity], packs, files, pages, workers }
  const { damage } = await measured('check', bytes, () => checkPacks(host, request, never))
  if (damage.length > 0) console.log(damage)
}

async function into({ identity, packs, bytes }: State, target: string, delta: boolean): Promise<void> {
  await using opened = await disposable(await openStorage(storage, world))
  const { head, files } = await openManifest(
    { storage: opened.storage, key: manifestKey, identities: [identity] },
    never,
  )
  const request = {
    backup: 'b',
    copies: [{ repository: 'main', storage, keyPrefix, identities: [identity], packs }],
    directories: head.directories,
    files,
    targetDirectory: target,
    synced: [target],
    owner: undefined,
    delta,
    workers,
  }
  await measured(delta ? 'delta' : 'copy in', bytes, () => copyIn(host, request, never))
}

const disposable = <T extends { close(): Promise<void> }>(
  storage: T,
): Promise<AsyncDisposable & { storage: T }> =>
  Promise.resolve({ storage, [Symbol.asyncDispose]: () => storage.close() })

const statePath = join(work, 'state.json')
if (steps.has('out')) {
  mkdirSync(work, { recursive: true })
  writeFileSync(statePath, JSON.stringify(await out(source, work)))
}
const state = JSON.parse(readFileSync(statePath, 'utf8')) as State
const target = join(work, 'target')
if (steps.has('check')) await check(state)
if (steps.has('in')) {
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  execFileSync('sync')
  await into(state, target, false)
}
if (steps.has('delta')) await into(state, target, true)
