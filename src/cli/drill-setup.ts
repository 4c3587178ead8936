/** From the command line of `drill` to a drill. */
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { toolName } from '../base/version.ts'
import type { DrillDeps, DrillRequest } from '../operations/drill/run.ts'
import type { DiscardVolume } from '../operations/scratch/scratch-folder.ts'
import type { CommandContext, OpenRepository } from './context.ts'
import { accountOfProcess } from './restore-setup.ts'
import { openProviderOf } from './snapshot-setup.ts'
import { workerCount } from './workers.ts'
import { prepareDrill, type DrillWords, type Past } from './drill-choice.ts'

export interface DrillSetup {
  readonly deps: DrillDeps
  readonly request: DrillRequest
}

export async function scratchPlace(context: CommandContext, given: string | undefined): Promise<string> {
  const { config } = await context.config()
  return given === undefined
    ? (config.drills.scratch ?? tmpdir())
    : resolve(context.terminal.workingDirectory, given)
}

/** Goes on when the drill was stopped: what was made is taken away in any case. */
export function volumeDiscarder(context: CommandContext): DiscardVolume {
  const { signal } = new AbortController()
  return async ({ provider: name, request }) => {
    const provider = await openProviderOf(context, name)
    try {
      await provider.discard?.(request, signal)
    } finally {
      await provider.close()
    }
  }
}

/** `home`: the repository in which reports are kept. */
export async function setUpDrill(
  context: CommandContext,
  words: DrillWords,
  { home, past }: { readonly home: OpenRepository; readonly past: Past },
): Promise<DrillSetup> {
  const { world, progress, log, terminal } = context
  const { config } = await context.config()
  const { environment } = terminal
  const live = await context.connectionTarget()
  const seed = words.seed ?? Buffer.from(world.randomBytes(4)).readUInt32BE()
  const { cluster, systemIdentifier } = home.repository.identity
  const request: DrillRequest = {
    identity: { cluster, systemIdentifier },
    drills: config.drills,
    place: await scratchPlace(context, words.scratchDir),
    account: accountOfProcess(),
    discard: volumeDiscarder(context),
    isBackupNamed: words.backup !== undefined,
    memoryBytes: process.availableMemory(),
    seed,
    targets: { rtoMs: config.objectives.rto ?? null, rpoMs: config.objectives.rpo ?? null },
    live: { target: live, environment },
    last: past.last,
    repository: words.repository ?? config.drills.repositories[0] ?? home.name,
    environment,
    programs: { binDirectory: config.postgres.binDirectory, path: environment['PATH'] },
    workers: workerCount(config.workers),
    user: live.user,
    database: live.database,
    prepare: async dataDirectory => prepareDrill(context, words, { past, seed, dataDirectory }),
    tool: toolName,
  }
  const cpuMs = (): number => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  return { deps: { world, progress, log, cpuMs }, request }
}
