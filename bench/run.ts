/**
 * `npm run bench`: Holdfast and pgBackRest side by side, on the same data, in one run. docs/benchmarks.md says what is
 * measured and how to read it.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemWorld } from '../src/base/world.ts'
import { formatBytes } from '../src/base/units.ts'
import { cephMissing } from '../test/support/ceph-server.ts'
import { findClientTool, findProgram } from '../test/support/tools.ts'
import { runBaseBackups } from './base-backup.ts'
import { makeOwned, runSettings, withServer } from './cluster.ts'
import {
  mainShape,
  manyFilesShape,
  prepareData,
  quickManyFilesShape,
  quickShape,
  quickTableShape,
  tableShape,
  type BenchData,
} from './data.ts'
import { canDropCaches, remove, treeSize } from './disk.ts'
import { baseBackupRows, folderTargets, startupRows, walRows, type Row } from './figures.ts'
import { dumpRows, runDumps } from './dump.ts'
import { dumpRestoreRows, runDumpRestores } from './dump-restore.ts'
import { openHoldfast, type HoldfastTool } from './holdfast.ts'
import { describeMachine, measureLimits } from './machine.ts'
import { parseOptions, usage, type BenchOptions, type StorageKind } from './options.ts'
import { startBenchServer } from './object-storage/server.ts'
import { openBucketTools, runBucketSuites, type BucketBench } from './object-storage/suites.ts'
import { openPgBackRest } from './pgbackrest.ts'
import { folderPlace } from './place.ts'
import { renderLimits, renderReport, renderTable } from './report.ts'
import { runTable, tableRows } from './table.ts'
import { runStartup } from './startup.ts'
import type { BackupTool } from './tool.ts'
import { runWal } from './wal.ts'

interface Bench {
  readonly options: BenchOptions
  readonly directory: string
  readonly scratch: string
  readonly tools: readonly BackupTool[]
  readonly pgBackRestProgram: string
  /** Prints a line and keeps it for the report. */
  readonly say: (text: string) => void
}

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    console.log(usage)
    return
  }
  const options = parseOptions(args)
  const pgBackRestProgram = findPrograms(options.storage)
  if (options.caches === 'cold' && !canDropCaches())
    throw new Error('--caches cold: only root can empty the page cache')
  const directory = process.env['HOLDFAST_BENCH_DIR'] ?? fileURLToPath(new URL('.data', import.meta.url))
  const scratch = join(directory, 'scratch')
  remove(scratch)
  for (const folder of [directory, scratch]) makeOwned(folder)
  const log: string[] = []
  const say = (text: string): void => {
    console.error(text)
    log.push(text)
  }
  try {
    const common = { options, directory, scratch, pgBackRestProgram, say }
    if (options.storage === 's3') await benchInBuckets(common, args, log)
    else await benchInFolders(common, args, log)
  } finally {
    remove(scratch)
  }
}

async function benchInFolders(
  common: Omit<Bench, 'tools'>,
  args: readonly string[],
  log: readonly string[],
): Promise<void> {
  const { scratch, pgBackRestProgram } = common
  const [ours, theirs] = [join(scratch, 'holdfast'), join(scratch, 'pgbackrest')]
  const holdfast = openHoldfast(ours, folderPlace(join(ours, 'repository')))
  const tools = [holdfast, openPgBackRest(pgBackRestProgram, theirs, folderPlace(join(theirs, 'repository')))]
  const bench = { ...common, tools }
  const data = await mainData(bench)
  const rows = await withServer(data.cluster, runSettings, () => runSuites(bench, data, holdfast))
  const manyFiles = bench.options.suites.has('many-files') ? await runManyFiles(bench) : []
  const tables = bench.options.suites.has('table') ? await runTables(bench, holdfast) : []
  await report(bench, data, [...rows, ...manyFiles, ...tables], args, log)
}

async function benchInBuckets(
  common: Omit<Bench, 'tools'>,
  args: readonly string[],
  log: readonly string[],
): Promise<void> {
  await using server = await startBenchServer()
  const bench: BucketBench = { ...common, server, dataDirectory: join(common.directory, 'data') }
  const data = await mainData(common)
  const rows = await runBucketSuites(bench, data)
  await report({ ...common, tools: openBucketTools(bench) }, data, rows, args, log)
}

async function mainData({ directory, options: { quick }, say }: Omit<Bench, 'tools'>): Promise<BenchData> {
  return prepareData(join(directory, 'data'), quick ? 'quick' : 'main', quick ? quickShape : mainShape, say)
}

async function report(
  bench: Bench,
  data: BenchData,
  rows: readonly Row[],
  args: readonly string[],
  log: readonly string[],
): Promise<void> {
  const { options, directory, scratch, tools } = bench
  const size = treeSize(join(data.cluster.dataDirectory, 'base'))
  const page = {
    date: new Date(systemWorld().clock.now()).toISOString().slice(0, 10),
    command: ['npm run bench --', ...args].join(' '),
    machine: describeMachine(directory),
    facts: [
      ...tools.map(tool => `${tool.name} ${tool.version}: ${tool.settings}`),
      ...(options.storage === 's3'
        ? [
            'Both in buckets of one Ceph on this machine, by TLS and in path style; it keeps objects in memory',
          ]
        : []),
      `Data: ${formatBytes(size.sizeBytes)} in ${String(size.files)} files: ${JSON.stringify(data.shape)}`,
      `${String(options.runs)} alternating runs of each; before each \`sync\`, then ${options.caches === 'warm' ? 'the source is read once (warm page cache)' : 'the page cache is emptied'}`,
    ],
    rows,
    limits: renderLimits(
      await measureLimits(data.cluster.dataDirectory, scratch, data.cluster.as),
      size.sizeBytes,
    ),
    log,
  }
  console.log(`\n${renderTable(page.rows)}\n\n${page.limits}`)
  if (options.report)
    writeReport(options.storage === 's3' ? `${page.date}-s3` : page.date, renderReport(page))
}

async function runSuites(bench: Bench, data: BenchData, holdfast: HoldfastTool): Promise<Row[]> {
  const { options, scratch, tools, say } = bench
  const { suites, runs, caches } = options
  const rows: Row[] = []
  if (suites.has('backup') || suites.has('restore')) {
    const settings = { runs, caches, restore: suites.has('restore'), scratch }
    rows.push(
      ...baseBackupRows(await runBaseBackups(data.cluster, tools, settings, say), { targets: folderTargets }),
    )
  }
  if (suites.has('wal'))
    rows.push(
      ...walRows(await runWal(data.cluster, tools, runs, { scratch, segments: data.walSegments }, say)),
    )
  if (suites.has('dump'))
    rows.push(...dumpRows(await runDumps(data.cluster, holdfast, { runs: Math.min(runs, 3), scratch }, say)))
  if (suites.has('restore-dump')) {
    const settings = { runs: Math.min(runs, 3), scratch }
    rows.push(...dumpRestoreRows(await runDumpRestores(data.cluster, holdfast, settings, say)))
  }
  if (suites.has('startup'))
    rows.push(...startupRows(await runStartup(data, tools, bench.pgBackRestProgram, scratch)))
  return rows
}

async function runManyFiles({ options, directory, scratch, tools, say }: Bench): Promise<Row[]> {
  const [name, shape] = options.quick
    ? (['quick-many-files', quickManyFilesShape] as const)
    : (['many-files', manyFilesShape] as const)
  const data = await prepareData(join(directory, 'data'), name, shape, say)
  const { files } = treeSize(join(data.cluster.dataDirectory, 'base'))
  const settings = { runs: Math.min(options.runs, 3), caches: options.caches, restore: true, scratch }
  const runs = await withServer(data.cluster, runSettings, () =>
    runBaseBackups(data.cluster, tools, settings, say),
  )
  return baseBackupRows(runs, { targets: {}, suffix: `, ${String(files)} files` })
}

async function runTables(
  { options, directory, scratch, say }: Bench,
  holdfast: HoldfastTool,
): Promise<Row[]> {
  const [name, shape, rows] = options.quick
    ? (['quick-table', quickTableShape, 5000] as const)
    : (['table', tableShape, 100_000] as const)
  const data = await prepareData(join(directory, 'data'), name, shape, say)
  const settings = { runs: Math.min(options.runs, 3), scratch, rows }
  return withServer(data.cluster, runSettings, async () =>
    tableRows(await runTable(data.cluster, holdfast, settings, say)),
  )
}

/** The path of pgbackrest; throws with what to install when something is missing. */
function findPrograms(storage: StorageKind): string {
  const pgBackRest = process.env['HOLDFAST_BENCH_PGBACKREST'] ?? findProgram('pgbackrest').path
  const missing = [
    pgBackRest === undefined ? 'pgbackrest' : undefined,
    findClientTool('pgbench', 15).path === undefined ? 'postgresql-15' : undefined,
    findProgram('zstd').path === undefined ? 'zstd' : undefined,
    storage === 's3' && cephMissing() !== undefined ? 'ceph-mon ceph-osd radosgw ceph-common' : undefined,
  ].filter(name => name !== undefined)
  if (pgBackRest !== undefined && missing.length === 0) return pgBackRest
  throw new Error(
    `the bench needs Debian packages that are not here: sudo apt-get install ${missing.join(' ')}`,
  )
}

/** A second report of the same day gets a number. */
function writeReport(name: string, text: string): void {
  const folder = fileURLToPath(new URL('results', import.meta.url))
  mkdirSync(folder, { recursive: true })
  const nameOf = (number: number): string =>
    join(folder, `${name}${number === 1 ? '' : `-${String(number)}`}.md`)
  let number = 1
  while (existsSync(nameOf(number))) number++
  writeFileSync(nameOf(number), text)
  console.error(`written: ${nameOf(number)}`)
}

await main(process.argv.slice(2))
