/**
 * One dumped database brought back into a new one: `pg_restore --jobs=2` from a directory that `pg_dump --jobs=2` wrote, and
 * `restore-dump --jobs 2` of a dump made with two jobs. In turns, on the same server. Holdfast's time has in it that it
 * fetches, checks and opens what is stored, makes the database, and counts every table's rows at the end.
 */
import { join } from 'node:path'
import { client, query, type Cluster } from './cluster.ts'
import { remove, settle } from './disk.ts'
import { summaryOf, type Row } from './figures.ts'
import type { HoldfastTool } from './holdfast.ts'
import { measure, run, type Measured } from './measure.ts'
import type { DumpSettings } from './dump.ts'

export const restoreWays = ['pg_restore', 'restore-dump'] as const
export type RestoreWay = (typeof restoreWays)[number]

export interface DumpRestoreRun {
  readonly way: RestoreWay
  readonly measured: Measured
}

const [database, restored] = ['postgres', 'bench_restored']

export async function runDumpRestores(
  cluster: Cluster,
  tool: HoldfastTool,
  { runs: count, scratch }: DumpSettings,
  say: (text: string) => void,
): Promise<DumpRestoreRun[]> {
  await tool.fresh(cluster)
  const directory = join(scratch, 'pg_dump.directory')
  const runs: DumpRestoreRun[] = []
  try {
    const args = ['--format=directory', '--jobs=2', '--compress=1', `--file=${directory}`, database]
    await run(client(cluster, 'pg_dump', args), cluster.as)
    await run(tool.dump([database, '--jobs', '2']), cluster.as)
    const commands = {
      pg_restore: client(cluster, 'pg_restore', ['--jobs=2', `--dbname=${restored}`, directory]),
      'restore-dump': tool.restoreDump([
        'latest',
        ...['--database', restored, '--from', database, '--jobs', '2'],
      ]),
    }
    for (let round = 0; round < count; round++) {
      for (const way of round % 2 === 0 ? restoreWays : restoreWays.toReversed()) {
        await query(cluster, `DROP DATABASE IF EXISTS ${restored}`)
        if (way === 'pg_restore') await query(cluster, `CREATE DATABASE ${restored} TEMPLATE template0`)
        await query(cluster, 'checkpoint')
        settle('warm', way === 'pg_restore' ? [directory] : [])
        const measured = await measure(commands[way], cluster.as, { directory: tool.directory })
        say(`round ${String(round + 1)}: ${way} ${(measured.wallMs / 1000).toFixed(1)} s`)
        runs.push({ way, measured })
      }
    }
    return runs
  } finally {
    await query(cluster, `DROP DATABASE IF EXISTS ${restored}`)
    remove(directory)
    await tool.clear()
  }
}

export function dumpRestoreRows(runs: readonly DumpRestoreRun[]): Row[] {
  const of = (way: RestoreWay, value: (run: DumpRestoreRun) => number): Row['ours'] =>
    summaryOf(runs.filter(run => run.way === way).map(value))
  const seconds = ({ measured }: DumpRestoreRun): number => measured.wallMs / 1000
  const memory = ({ measured }: DumpRestoreRun): number => measured.peakProcessBytes / 2 ** 20
  const rows: readonly Row[] = [
    {
      what: 'restore-dump, two jobs, wall time; theirs: pg_restore, two jobs',
      unit: 's',
      ours: of('restore-dump', seconds),
      theirs: of('pg_restore', seconds),
      target: undefined,
    },
    {
      what: 'restore-dump, two jobs, peak memory',
      unit: 'MiB',
      ours: of('restore-dump', memory),
      theirs: undefined,
      target: { of: 'max', atMost: 256 },
    },
  ]
  return rows.filter(({ ours, theirs }) => ours ?? theirs)
}
