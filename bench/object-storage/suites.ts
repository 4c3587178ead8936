/** What is measured in buckets: base backups, 200 segments of WAL, and both again from far away. */
import { join } from 'node:path'
import { baseBackupRows, bucketTargets, bucketWalRows, type Row } from '../figures.ts'
import { runBaseBackups } from '../base-backup.ts'
import { runSettings, withServer } from '../cluster.ts'
import { prepareData, quickWalShape, walShape, type BenchData } from '../data.ts'
import { openHoldfast } from '../holdfast.ts'
import type { BenchOptions } from '../options.ts'
import { openPgBackRest } from '../pgbackrest.ts'
import { bucketPlace } from '../place.ts'
import type { BackupTool } from '../tool.ts'
import { runWal } from '../wal.ts'
import {
  addedRoundTripMs,
  farRows,
  runFarBackups,
  runFarPushes,
  type FarBackup,
  type FarPush,
} from './far.ts'
import type { BenchServer } from './server.ts'
import { measureWire, openWire } from './wire.ts'

export interface BucketBench {
  readonly options: BenchOptions
  readonly server: BenchServer
  /** Where data lie that are kept. */
  readonly dataDirectory: string
  readonly scratch: string
  readonly pgBackRestProgram: string
  readonly say: (text: string) => void
}

/** Both tools on the same server, in buckets of their own; `port` is that of a wire to it, if there is one. */
export function openBucketTools(bench: BucketBench, port = bench.server.port): readonly BackupTool[] {
  const folder = join(bench.scratch, `port-${String(port)}`)
  return [
    openHoldfast(join(folder, 'holdfast'), bucketPlace(bench.server, port)),
    openPgBackRest(bench.pgBackRestProgram, join(folder, 'pgbackrest'), bucketPlace(bench.server, port)),
  ]
}

export async function runBucketSuites(bench: BucketBench, data: BenchData): Promise<Row[]> {
  const { options, scratch, say } = bench
  const { suites, runs, caches } = options
  const rows: Row[] = []
  if (suites.has('backup') || suites.has('restore')) {
    const settings = { runs, caches, restore: suites.has('restore'), scratch }
    const results = await withServer(data.cluster, runSettings, () =>
      runBaseBackups(data.cluster, openBucketTools(bench), settings, say),
    )
    rows.push(...baseBackupRows(results, { targets: bucketTargets }))
  }
  const wal = suites.has('wal') || suites.has('far') ? await prepareWal(bench) : undefined
  if (wal && suites.has('wal')) {
    const settings = { scratch, segments: wal.walSegments }
    const results = await withServer(wal.cluster, runSettings, () =>
      runWal(wal.cluster, openBucketTools(bench), runs, settings, say),
    )
    rows.push(...bucketWalRows(results, wal.walSegments.length))
  }
  if (wal && suites.has('far')) rows.push(...(await runFar(bench, data, wal)))
  return rows
}

async function prepareWal({ dataDirectory, options: { quick }, say }: BucketBench): Promise<BenchData> {
  return prepareData(dataDirectory, quick ? 'quick-wal' : 'wal', quick ? quickWalShape : walShape, say)
}

async function runFar(bench: BucketBench, data: BenchData, wal: BenchData): Promise<Row[]> {
  const { server, scratch, say, options } = bench
  const bytesPerSecond = await measureWire(addedRoundTripMs)
  say(
    `a wire with ${String(addedRoundTripMs)} ms of round trip carries ${(bytesPerSecond / 1e6).toFixed(0)} MB/s`,
  )
  await using near = await openWire(server.port, 0)
  await using far = await openWire(server.port, addedRoundTripMs)
  const sides = [
    { roundTripMs: 0, tools: openBucketTools(bench, near.port) },
    { roundTripMs: addedRoundTripMs, tools: openBucketTools(bench, far.port) },
  ]
  const settings = { runs: Math.min(options.runs, 2), scratch, say }
  const backups: FarBackup[] = await withServer(data.cluster, runSettings, () =>
    runFarBackups(data.cluster, sides, settings),
  )
  const pushes: FarPush[] = await withServer(wal.cluster, runSettings, () =>
    runFarPushes(wal.cluster, sides, { scratch, segments: wal.walSegments }, settings),
  )
  return farRows(backups, pushes)
}
