/**
 * The data that both tools back up, made once and kept: pgbench's tables, a table of varied text and JSON with two
 * indexes, many small tables, and WAL segments of pgbench at work. A stamp written last says that all is there.
 */
import { chownSync, cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  archiveAll,
  client,
  clusterAt,
  initdb,
  loadSettings,
  makeOwned,
  query,
  runSettings,
  setArchiver,
  withServer,
  type Cluster,
} from './cluster.ts'
import { run } from './measure.ts'

/** Everything that decides what is made. Another value here makes the data anew. */
export interface DataShape {
  readonly version: number
  readonly pgbenchScale: number
  readonly documents: number
  readonly smallTables: number
  /** How many databases hold a copy of the small tables. */
  readonly smallTablesCopies: number
  readonly walSegments: number
}

export const mainShape: DataShape = {
  version: 1,
  pgbenchScale: 200,
  documents: 1_000_000,
  smallTables: 20_000,
  smallTablesCopies: 1,
  walSegments: 32,
}
export const quickShape: DataShape = {
  version: 1,
  pgbenchScale: 5,
  documents: 20_000,
  smallTables: 500,
  smallTablesCopies: 1,
  walSegments: 4,
}
/** 200,000 files of 8 to 24 KiB: four for each table. */
export const manyFilesShape: DataShape = {
  version: 1,
  pgbenchScale: 1,
  documents: 1000,
  smallTables: 10_000,
  smallTablesCopies: 5,
  walSegments: 0,
}
export const quickManyFilesShape: DataShape = { ...manyFilesShape, smallTables: 500 }

/** 10 GB, of which one table of 100 MB is wanted back; that is made anew for every run. */
export const tableShape: DataShape = {
  version: 1,
  pgbenchScale: 600,
  documents: 150_000,
  smallTables: 100,
  smallTablesCopies: 1,
  walSegments: 0,
}
export const quickTableShape: DataShape = { ...tableShape, pgbenchScale: 40, documents: 20_000 }

/** Enough WAL to tell apart what a push costs from what starting to push costs. */
export const walShape: DataShape = {
  version: 2,
  pgbenchScale: 20,
  documents: 1000,
  smallTables: 1,
  smallTablesCopies: 1,
  walSegments: 200,
}
export const quickWalShape: DataShape = { ...walShape, pgbenchScale: 5, walSegments: 16 }

export interface BenchData {
  readonly cluster: Cluster
  readonly shape: DataShape
  /** Full segments, in order; paths. */
  readonly walSegments: readonly string[]
}

/** The data of this shape below `directory`; made when they are not there. `say` tells what takes long. */
export async function prepareData(
  directory: string,
  name: string,
  shape: DataShape,
  say: (text: string) => void,
): Promise<BenchData> {
  const root = join(directory, name)
  const stamp = join(root, 'stamp.json')
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== JSON.stringify(shape)) {
    say(`making the data ${JSON.stringify(shape)} in ${root}; they are kept`)
    rmSync(root, { recursive: true, force: true })
    await make(clusterAt(root), shape, say)
    writeFileSync(stamp, JSON.stringify(shape))
  }
  const folder = join(root, 'segments')
  const walSegments = existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .map(file => join(folder, file))
    : []
  return { cluster: clusterAt(root), shape, walSegments }
}

async function make(cluster: Cluster, shape: DataShape, say: (text: string) => void): Promise<void> {
  await initdb(cluster)
  await withServer(cluster, loadSettings, async () => {
    say('pgbench')
    await run(
      client(cluster, 'pgbench', ['-i', '-q', '-s', String(shape.pgbenchScale), 'postgres']),
      cluster.as,
    )
    say('documents')
    await runScript(cluster, 'postgres', 'documents.sql', { documents: shape.documents })
    say('small tables')
    await makeSmallTables(cluster, shape)
    await query(cluster, vacuum)
    await query(cluster, 'checkpoint')
  })
  if (shape.walSegments > 0) await makeWal(cluster, shape, say)
}

/** So that no later reading changes pages (hint bits), and runs see the same files. */
const vacuum = 'vacuum (freeze, analyze)'

async function makeSmallTables(cluster: Cluster, shape: DataShape): Promise<void> {
  await query(cluster, 'create database tenants_1')
  await runScript(cluster, 'tenants_1', 'small-tables.sql', { tables: shape.smallTables })
  await query(cluster, vacuum, 'tenants_1')
  for (let copy = 2; copy <= shape.smallTablesCopies; copy++) {
    await query(cluster, `create database tenants_${String(copy)} template tenants_1 strategy file_copy`)
  }
}

/** WAL as a busy server writes it: pgbench runs until enough segments are full. */
async function makeWal(cluster: Cluster, shape: DataShape, say: (text: string) => void): Promise<void> {
  say('write-ahead log')
  const folder = join(cluster.root, 'segments')
  makeOwned(folder)
  await withServer(cluster, { ...runSettings, fsync: 'off' }, async () => {
    setArchiver(cluster, path => ({ program: '/bin/cp', args: [path, folder] }))
    while (readdirSync(folder).length < shape.walSegments) {
      await run(
        client(cluster, 'pgbench', ['-n', '-c', '4', '-j', '2', '-t', '2500', 'postgres']),
        cluster.as,
      )
      // Pages are logged whole after a checkpoint, as they are all day on a server that is busier than this one.
      await query(cluster, 'checkpoint')
    }
    await archiveAll(cluster)
    await query(cluster, vacuum)
    await query(cluster, 'checkpoint')
  })
  for (const extra of readdirSync(folder).sort().slice(shape.walSegments)) rmSync(join(folder, extra))
}

async function runScript(
  cluster: Cluster,
  database: string,
  file: string,
  variables: Readonly<Record<string, number>>,
): Promise<void> {
  const copy = join(cluster.root, file)
  cpSync(fileURLToPath(new URL(`data/${file}`, import.meta.url)), copy)
  chownSync(copy, cluster.as.uid, cluster.as.gid)
  const set = Object.entries(variables).flatMap(([name, value]) => ['-v', `${name}=${String(value)}`])
  await run(
    client(cluster, 'psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', ...set, '-d', database, '-f', copy]),
    cluster.as,
  )
}
