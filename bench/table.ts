/**
 * One table out of a cluster: `restore-table`, which also loads it into the live server, against a restore of everything to
 * the same point, started and replayed. In turns, from the same backup. What is fetched is what the program itself counts
 * where it reads its storage; the WAL, which is the same for both, is not in it.
 */
import { join } from 'node:path'
import { archiveAll, query, type Cluster } from './cluster.ts'
import { remove, settle } from './disk.ts'
import { summaryOf, type Row, type Target, type Unit } from './figures.ts'
import type { HoldfastTool } from './holdfast.ts'
import { measure, run, untilNobodyUses, type Command, type Measured } from './measure.ts'

export const tableWays = ['table', 'all'] as const
export type TableWay = (typeof tableWays)[number]

export interface TableRun {
  readonly way: TableWay
  readonly measured: Measured
  readonly fetchedBytes: number
  /** Of restore-table: until the scratch cluster has what is wanted, and to load it into the live server. */
  readonly phases: string
}

export interface TableSettings {
  readonly runs: number
  readonly scratch: string
  /** Rows of about 1 KiB. */
  readonly rows: number
}

export async function runTable(
  cluster: Cluster,
  tool: HoldfastTool,
  { runs: count, scratch, rows }: TableSettings,
  say: (text: string) => void,
): Promise<TableRun[]> {
  await tool.fresh(cluster)
  const runs: TableRun[] = []
  try {
    await query(cluster, `${dropAll}; ${createWanted(rows)}`)
    await query(cluster, 'CHECKPOINT')
    await run(tool.backup(), cluster.as)
    await query(cluster, "UPDATE wanted SET words = 'changed' WHERE id % 100 = 0")
    await query(cluster, 'DROP TABLE wanted')
    await archiveAll(cluster)
    const target = await dropOf(cluster, tool)
    for (let round = 0; round < count; round++) {
      for (const way of round % 2 === 0 ? tableWays : tableWays.toReversed()) {
        const done = await restoreOnce(cluster, tool, { way, target, scratch })
        say(`round ${String(round + 1)}: ${described(done)}`)
        runs.push(done)
      }
    }
    return runs
  } finally {
    await query(cluster, dropAll)
    await tool.clear()
  }
}

const dropAll = 'DROP TABLE IF EXISTS wanted; DROP SCHEMA IF EXISTS back CASCADE'

/** Words that compress to about a third, as documents do. */
const createWanted = (rows: number): string => `
  CREATE TABLE wanted AS
    SELECT i AS id, (SELECT string_agg(md5((i * 31 + j)::text) || ' some words of people ', '') FROM generate_series(1, 18) j) AS words
      FROM generate_series(1, ${String(rows)}) i;
  ALTER TABLE wanted ADD PRIMARY KEY (id)`

/** As `wal find` tells it: the options that stop just before. */
async function dropOf(cluster: Cluster, tool: HoldfastTool): Promise<readonly string[]> {
  const output = await run(tool.command(['wal', 'find', '--table', 'public.wanted', '--json']), cluster.as)
  const lsn = /"kind": "dropped"[^}]*?"beforeLsn": "([0-9A-F/]+)"/s.exec(output)?.[1]
  if (lsn === undefined) throw new Error(`wal find does not tell of the drop:\n${output}`)
  return ['--to-lsn', lsn, '--exclusive']
}

async function restoreOnce(
  cluster: Cluster,
  tool: HoldfastTool,
  { way, target, scratch }: { way: TableWay; target: readonly string[]; scratch: string },
): Promise<TableRun> {
  settle('warm', [])
  const directory = join(scratch, 'restored')
  const command: Command =
    way === 'all'
      ? tool.command([
          'restore',
          '--target-dir',
          directory,
          ...target,
          '--action',
          'shutdown',
          '--start',
          '--json',
        ])
      : tool.command([
          'restore-table',
          'public.wanted',
          ...target,
          '--into',
          'back',
          '--scratch-dir',
          scratch,
          '--json',
        ])
  const measured = await measure(command, cluster.as, { directory: tool.directory })
  // Who fetches WAL ahead ends a little later, and takes its files away.
  await untilNobodyUses(directory)
  const fetched = /"bytesFetched": (\d+)/.exec(measured.output)?.[1]
  if (fetched === undefined) throw new Error(`no bytesFetched:\n${measured.output}`)
  if (way === 'all') for (const path of [directory, `${directory}.holdfast`]) remove(path)
  else await query(cluster, 'DROP SCHEMA back CASCADE')
  const phase = (name: string): string => new RegExp(`"${name}Ms": (\\d+)`).exec(measured.output)?.[1] ?? 'no'
  const phases = way === 'all' ? '' : `, scratch ${phase('scratch')} ms, load ${phase('load')} ms`
  return { way, measured, fetchedBytes: Number(fetched), phases }
}

function described({ way, measured, fetchedBytes, phases }: TableRun): string {
  return `${way === 'all' ? 'restore of all' : 'restore-table'} ${(measured.wallMs / 1000).toFixed(1)} s${phases}, ${(fetchedBytes / 2 ** 20).toFixed(1)} MiB fetched`
}

/** `theirs` is our own restore of everything. */
export function tableRows(runs: readonly TableRun[]): Row[] {
  const row = (what: string, unit: Unit, value: (one: TableRun) => number, target: Target): Row => ({
    what,
    unit,
    ours: summaryOf(runs.filter(({ way }) => way === 'table').map(value)),
    theirs: summaryOf(runs.filter(({ way }) => way === 'all').map(value)),
    target,
  })
  const seconds = ({ measured }: TableRun): number => measured.wallMs / 1000
  const fetched = ({ fetchedBytes }: TableRun): number => fetchedBytes / 2 ** 20
  return [
    row('one table, wall time; theirs: our restore of all', 's', seconds, { of: 'ratio', atMost: 0.25 }),
    row('one table, fetched; theirs: our restore of all', 'MiB', fetched, { of: 'ratio', atMost: 0.1 }),
  ]
}
