/**
 * What a long way to the server costs: backup, restore and WAL push through a wire without delay, and through one that
 * adds 40 ms of round trip, in turns. Both go through the same kind of wire, so that it is only the delay that differs.
 */
import { runBaseBackups } from '../base-backup.ts'
import type { Cluster } from '../cluster.ts'
import { summaryOf, type Row } from '../figures.ts'
import { measurePush, type WalSettings } from '../wal.ts'
import type { BackupTool } from '../tool.ts'

export const addedRoundTripMs = 40
const targetPercent = 70

export interface FarSettings {
  readonly runs: number
  readonly scratch: string
  readonly say: (text: string) => void
}

/** `tools` are those of one wire. */
export interface FarSide {
  readonly roundTripMs: number
  readonly tools: readonly BackupTool[]
}

/** One after the other: near, far, far, near, … */
export async function runFarBackups(
  cluster: Cluster,
  sides: readonly FarSide[],
  { runs, scratch, say }: FarSettings,
): Promise<FarBackup[]> {
  const results: FarBackup[] = []
  for (let round = 0; round < runs; round++) {
    for (const { roundTripMs, tools } of round % 2 === 0 ? sides : sides.toReversed()) {
      say(`through a wire with ${String(roundTripMs)} ms:`)
      const settings = { runs: 1, caches: 'warm', restore: true, scratch } as const
      for (const run of await runBaseBackups(cluster, tools, settings, say))
        results.push({
          tool: run.tool,
          roundTripMs,
          backupMs: run.backup.wallMs,
          restoreMs: run.restore?.wallMs ?? Number.NaN,
        })
    }
  }
  return results
}

export interface FarBackup {
  readonly tool: BackupTool['name']
  readonly roundTripMs: number
  readonly backupMs: number
  readonly restoreMs: number
}

export interface FarPush {
  readonly tool: BackupTool['name']
  readonly roundTripMs: number
  readonly pushMs: number
}

export async function runFarPushes(
  cluster: Cluster,
  sides: readonly FarSide[],
  settings: WalSettings,
  { runs, say }: FarSettings,
): Promise<FarPush[]> {
  const results: FarPush[] = []
  for (let round = 0; round < runs; round++) {
    for (const { roundTripMs, tools } of round % 2 === 0 ? sides : sides.toReversed()) {
      for (const tool of tools) {
        await tool.fresh(cluster)
        try {
          const { wallMs } = await measurePush(cluster, tool, 'ahead', settings)
          say(`${tool.name}, ${String(roundTripMs)} ms: WAL push ${(wallMs / 1000).toFixed(2)} s`)
          results.push({ tool: tool.name, roundTripMs, pushMs: wallMs })
        } finally {
          await tool.clear()
        }
      }
    }
  }
  return results
}

/** In percent of the throughput that the same tool has through a wire without delay. */
export function farRows(backups: readonly FarBackup[], pushes: readonly FarPush[]): Row[] {
  return [
    row('full backup', backups, run => run.backupMs),
    row('restore', backups, run => run.restoreMs),
    row('WAL push', pushes, run => run.pushMs),
  ].filter(({ ours, theirs }) => ours ?? theirs)
}

function row<T extends { readonly tool: BackupTool['name']; readonly roundTripMs: number }>(
  what: string,
  runs: readonly T[],
  wallMs: (run: T) => number,
): Row {
  const percents = (tool: BackupTool['name']): readonly number[] => {
    const of = (isFar: boolean): readonly number[] =>
      runs.filter(run => run.tool === tool && run.roundTripMs > 0 === isFar).map(wallMs)
    const near = summaryOf(of(false))?.median
    return near === undefined ? [] : of(true).map(far => (100 * near) / far)
  }
  return {
    what: `${what}, throughput with ${String(addedRoundTripMs)} ms more of round trip`,
    unit: '%',
    ours: summaryOf(percents('holdfast')),
    theirs: summaryOf(percents('pgbackrest')),
    target: { of: 'median', atLeast: targetPercent },
  }
}
