/**
 * WAL push and get, in segments per second. One call after another, as PostgreSQL's archive_command and
 * restore_command make them, every call a process of its own.
 */
import { chownSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { requestsSince } from './base-backup.ts'
import { makeOwned, type Cluster } from './cluster.ts'
import { remove, settle } from './disk.ts'
import { callInTurn, untilNobodyUses, type Call } from './measure.ts'
import { watchMemory, type PeakMemory } from './memory.ts'
import type { BackupTool, ToolName, WalMode } from './tool.ts'

export interface WalRun {
  readonly tool: ToolName
  readonly way: 'push' | 'get'
  readonly mode: WalMode
  readonly wallMs: number
  readonly segmentsPerSecond: number
  /** Of the single calls. */
  readonly callMs: readonly number[]
  /** Of all processes of the tool together. */
  readonly memory: PeakMemory
  readonly requests: number | undefined
}

export interface WalSettings {
  readonly scratch: string
  readonly segments: readonly string[]
}

export async function runWal(
  cluster: Cluster,
  tools: readonly BackupTool[],
  runCount: number,
  settings: WalSettings,
  say: (text: string) => void,
): Promise<WalRun[]> {
  const runs: WalRun[] = []
  for (let round = 0; round < runCount; round++) {
    for (const tool of round % 2 === 0 ? tools : tools.toReversed()) {
      for (const result of await runTool(cluster, tool, settings)) {
        say(
          `round ${String(round + 1)}, ${tool.name}: wal ${result.way} (${result.mode}) ${described(result)}`,
        )
        runs.push(result)
      }
    }
  }
  return runs
}

export function described({ segmentsPerSecond, memory, requests }: WalRun): string {
  const asked = requests === undefined ? '' : `, ${String(requests)} requests`
  return `${segmentsPerSecond.toFixed(1)} segments/s, ${(memory.pssBytes / 2 ** 20).toFixed(0)} MiB${asked}`
}

async function runTool(cluster: Cluster, tool: BackupTool, settings: WalSettings): Promise<WalRun[]> {
  await tool.fresh(cluster)
  const results: WalRun[] = []
  try {
    for (const mode of tool.walPushModes) {
      tool.forgetWal('pushed')
      results.push(await measurePush(cluster, tool, mode, settings))
      await untilNobodyUses(tool.directory)
    }
    for (const mode of tool.walGetModes) {
      tool.forgetWal('fetched')
      results.push(await measureGet(cluster, tool, mode, settings))
      await untilNobodyUses(tool.directory)
    }
    return results
  } finally {
    await tool.clear()
  }
}

/** Every segment is ready in pg_wal, as after an outage of the archive: the tool may look ahead. */
export async function measurePush(
  cluster: Cluster,
  tool: BackupTool,
  mode: WalMode,
  { scratch, segments }: WalSettings,
): Promise<WalRun> {
  using server = makeServerFolder(cluster, scratch)
  for (const segment of segments) {
    const name = basename(segment)
    server.add(`pg_wal/${name}`, segment)
    server.add(`pg_wal/archive_status/${name}.ready`, '/dev/null')
  }
  settle('warm', [server.path])
  const status = join(server.path, 'pg_wal/archive_status')
  const calls = segments.map(segment => {
    const name = basename(segment)
    return {
      command: tool.walPush(mode, server.path, name),
      then: { rename: join(status, `${name}.ready`), to: join(status, `${name}.done`) },
    }
  })
  return { tool: tool.name, way: 'push', mode, ...(await timed(cluster, tool, calls)) }
}

async function measureGet(
  cluster: Cluster,
  tool: BackupTool,
  mode: WalMode,
  { scratch, segments }: WalSettings,
): Promise<WalRun> {
  using server = makeServerFolder(cluster, scratch)
  settle('warm', tool.place.kind === 'folder' ? [tool.place.directory] : [])
  // The server asks for each under this name, and renames it when it has read it.
  const destination = join(server.path, 'pg_wal', 'RECOVERYXLOG')
  const calls = segments.map(segment => ({
    command: tool.walGet(mode, server.path, basename(segment)),
    then: { remove: destination },
  }))
  return { tool: tool.name, way: 'get', mode, ...(await timed(cluster, tool, calls)) }
}

interface ServerFolder extends Disposable {
  readonly path: string
  /** Copies a file in, owned by the server's user. */
  add(name: string, source: string): void
}

/** As much of a data directory as the tools look at when they push and get: the running server's own stays as it is. */
function makeServerFolder(cluster: Cluster, scratch: string): ServerFolder {
  // A new name each time: a process that fetches ahead for the one before may still be about.
  const path = mkdtempSync(join(scratch, 'wal-server-'))
  for (const folder of ['', 'global', 'pg_wal', 'pg_wal/archive_status']) makeOwned(join(path, folder))
  const add = (name: string, source: string): void => {
    writeFileSync(join(path, name), readFileSync(source))
    chownSync(join(path, name), cluster.as.uid, cluster.as.gid)
  }
  for (const name of ['PG_VERSION', 'global/pg_control']) add(name, join(cluster.dataDirectory, name))
  return {
    path,
    add,
    [Symbol.dispose]: () => {
      remove(path)
    },
  }
}

async function timed(
  { as }: Cluster,
  tool: BackupTool,
  calls: readonly Call[],
): Promise<Omit<WalRun, 'tool' | 'way' | 'mode'>> {
  const requestsBefore = await tool.place.requests()
  const peakMemory = watchMemory({ directory: tool.directory })
  const { wallMs, callMs } = await callInTurn(calls, as)
  const memory = peakMemory()
  const requests = await requestsSince(tool, requestsBefore)
  return { wallMs, segmentsPerSecond: (calls.length * 1000) / wallMs, callMs, memory, requests }
}
