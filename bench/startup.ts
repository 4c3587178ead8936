/** What a process costs that hardly does anything: `--version`, and one `wal push` of one segment. */
import { measurePush } from './wal.ts'
import { holdfastProgram } from './holdfast.ts'
import { measure, type Command } from './measure.ts'
import type { BenchData } from './data.ts'
import type { BackupTool, ToolName } from './tool.ts'

export interface StartupRun {
  readonly tool: ToolName
  readonly versionMs: readonly number[]
  readonly pushMs: readonly number[]
}

const versionCalls = 20
const pushCalls = 10

export async function runStartup(
  data: BenchData,
  tools: readonly BackupTool[],
  pgBackRestProgram: string,
  scratch: string,
): Promise<StartupRun[]> {
  const runs: StartupRun[] = []
  for (const tool of tools) {
    const command: Command =
      tool.name === 'holdfast'
        ? { program: holdfastProgram, args: ['--version'] }
        : { program: pgBackRestProgram, args: ['version'] }
    const versionMs: number[] = []
    for (let call = 0; call < versionCalls; call++)
      versionMs.push((await measure(command, data.cluster.as, { sampleMemory: false })).wallMs)
    runs.push({ tool: tool.name, versionMs, pushMs: await pushOnes(data, tool, scratch) })
  }
  return runs
}

async function pushOnes(
  { cluster, walSegments }: BenchData,
  tool: BackupTool,
  scratch: string,
): Promise<readonly number[]> {
  await tool.fresh(cluster)
  try {
    return (
      await measurePush(cluster, tool, 'single', { scratch, segments: walSegments.slice(0, pushCalls) })
    ).callMs
  } finally {
    await tool.clear()
  }
}
