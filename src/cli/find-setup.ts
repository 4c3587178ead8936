/** Opens what `wal find` reads: the catalogue of backups, and the WAL of all repositories as one. */
import { readCatalogs } from '../operations/sources/catalog.ts'
import { describeTrouble, TroubleLog } from '../operations/sources/trouble.ts'
import type { WalFindDeps } from '../operations/wal-find/wal-find.ts'
import type { CommandContext } from './context.ts'
import { notRead } from './describe-catalog.ts'
import { openSources, unitedWal } from './sources.ts'

export interface SourceWords {
  readonly repository: string | undefined
  readonly without: readonly string[]
  readonly asOf: number | undefined
}

export async function openFinder(context: CommandContext, words: SourceWords): Promise<WalFindDeps> {
  const { output, progress, program, signal, world } = context
  progress.phase('opening the repositories')
  const { repository, without, asOf: asOfMs } = words
  const sources = await openSources(context, { repository, without, asOfMs }, { keys: true })
  const { backups, closed } = await readCatalogs(sources.open, { full: false }, signal)
  for (const source of [...sources.closed, ...closed]) output.warn(notRead(source))
  const troubles = new TroubleLog(trouble => {
    progress.note(describeTrouble(trouble))
  })
  return {
    world,
    progress,
    worker: program.worker,
    backups,
    wal: unitedWal(sources, { clock: world.clock, troubles }),
    walSegmentSizeBytes: sources.open[0]?.repository.identity.walSegmentSizeBytes ?? 0,
    troubles,
  }
}
