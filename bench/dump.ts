/**
 * Dumps of one database: pg_dump as people's scripts call it (custom format, compressed by gzip 9), pg_dump uncompressed
 * into a file (the floor for one stream), and Holdfast with one stream and with two jobs. In turns, on the same server.
 */
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { client, query, type Cluster } from './cluster.ts'
import { settle } from './disk.ts'
import { summaryOf, type Row, type Target, type Unit } from './figures.ts'
import type { HoldfastTool } from './holdfast.ts'
import { measure, type Measured } from './measure.ts'

export const dumpWays = ['compressed', 'plain', 'one stream', 'two jobs'] as const
export type DumpWay = (typeof dumpWays)[number]

export interface DumpRun {
  readonly way: DumpWay
  readonly measured: Measured
  readonly storedSizeBytes: number
}

export interface DumpSettings {
  readonly runs: number
  readonly scratch: string
}

const database = 'postgres'

export async function runDumps(
  cluster: Cluster,
  tool: HoldfastTool,
  { runs: count, scratch }: DumpSettings,
  say: (text: string) => void,
): Promise<DumpRun[]> {
  await tool.fresh(cluster)
  const runs: DumpRun[] = []
  try {
    for (let round = 0; round < count; round++) {
      for (const way of round % 2 === 0 ? dumpWays : dumpWays.toReversed()) {
        const run = await dumpOnce(cluster, tool, way, scratch)
        say(`round ${String(round + 1)}: ${described(run)}`)
        runs.push(run)
      }
    }
    return runs
  } finally {
    await tool.clear()
  }
}

function described({ way, measured, storedSizeBytes }: DumpRun): string {
  const [seconds, megabytes] = [measured.wallMs / 1000, storedSizeBytes / 2 ** 20]
  return `dump (${way}) ${seconds.toFixed(1)} s, ${megabytes.toFixed(0)} MiB`
}

async function dumpOnce(
  cluster: Cluster,
  tool: HoldfastTool,
  way: DumpWay,
  scratch: string,
): Promise<DumpRun> {
  await query(cluster, 'checkpoint')
  settle('warm', [cluster.dataDirectory])
  if (way === 'compressed' || way === 'plain') {
    const file = join(scratch, 'pg_dump.custom')
    const level = way === 'plain' ? '0' : '9'
    const args = ['--format=custom', `--compress=${level}`, `--file=${file}`, database]
    const measured = await measure(client(cluster, 'pg_dump', args), cluster.as)
    const { size } = statSync(file)
    rmSync(file)
    return { way, measured, storedSizeBytes: size }
  }
  const before = await tool.place.sizeOf(tool.dumpsPrefix)
  const jobs = way === 'two jobs' ? ['--jobs', '2'] : []
  const measured = await measure(tool.dump([database, ...jobs]), cluster.as, { directory: tool.directory })
  const after = await tool.place.sizeOf(tool.dumpsPrefix)
  return { way, measured, storedSizeBytes: after.sizeBytes - before.sizeBytes }
}

/** `theirs` is pg_dump, compressed, unless the row says otherwise. */
export function dumpRows(runs: readonly DumpRun[]): Row[] {
  const summed = (way: DumpWay, value: (run: DumpRun) => number): Row['ours'] =>
    summaryOf(runs.filter(run => run.way === way).map(value))
  const row = (
    what: string,
    unit: Unit,
    ways: readonly [ours: DumpWay, theirs: DumpWay | undefined],
    value: (run: DumpRun) => number,
    target?: Target,
  ): Row => ({
    what,
    unit,
    ours: summed(ways[0], value),
    theirs: ways[1] === undefined ? undefined : summed(ways[1], value),
    target,
  })
  const seconds = ({ measured }: DumpRun): number => measured.wallMs / 1000
  const stored = ({ storedSizeBytes }: DumpRun): number => storedSizeBytes / 2 ** 20
  // Besides pg_dump: its processes are others in the same tree.
  const memory = ({ measured }: DumpRun): number => measured.peakProcessBytes / 2 ** 20
  const noLarger: Target = { of: 'ratio', atMost: 1 }
  const memoryTarget: Target = { of: 'max', atMost: 256 }
  return [
    row('dump, one stream, wall time; theirs: pg_dump, gzip 9', 's', ['one stream', 'compressed'], seconds, {
      of: 'ratio',
      atMost: 0.55,
    }),
    row('dump, two jobs, wall time; theirs: the same', 's', ['two jobs', 'compressed'], seconds, {
      of: 'ratio',
      atMost: 0.4,
    }),
    row('dump, one stream, wall time; theirs: pg_dump, uncompressed', 's', ['one stream', 'plain'], seconds),
    row('dump, one stream, size; theirs: gzip 9', 'MiB', ['one stream', 'compressed'], stored, noLarger),
    row('dump, two jobs, size; theirs: gzip 9', 'MiB', ['two jobs', 'compressed'], stored, noLarger),
    row('dump, one stream, peak memory', 'MiB', ['one stream', undefined], memory, memoryTarget),
    row('dump, two jobs, peak memory', 'MiB', ['two jobs', undefined], memory, memoryTarget),
  ].filter(({ ours, theirs }) => ours ?? theirs)
}
