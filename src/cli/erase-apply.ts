/** `erase apply`: opens a data directory that a restore left closed. */
import { resolve } from 'node:path'
import { applyToDirectory, openUnapplied } from '../operations/erase/apply-to-directory.ts'
import type { CommandContext } from './context.ts'
import { appliedLines, appliedRecord } from './describe-erasures.ts'
import { erasuresAhead, likelyUsers, noteSkipped } from './erasures.ts'
import { openSources } from './sources.ts'
import { listingOf } from './table.ts'
import { usageFault } from './usage.ts'

export interface ApplyWords {
  readonly targetDir: string | undefined
  readonly without: readonly string[]
  readonly skipErasures: string | undefined
}

export async function runEraseApply(context: CommandContext, words: ApplyWords): Promise<void> {
  const { world, progress, log, enter, signal, terminal, output } = context
  if (words.targetDir === undefined)
    throw usageFault('erase apply needs --target-dir', 'Name the data directory that holdfast restore wrote.')
  const directory = resolve(terminal.workingDirectory, words.targetDir)
  const { config } = await context.config()
  const sources = await openSources(context, words, { keys: true })
  // What it holds is known when its recovery has ended: until then, everything is ahead.
  const ahead = await erasuresAhead(context, sources.open, [], words)
  if (words.skipErasures !== undefined) {
    await openUnapplied(directory, () => noteSkipped(context, ahead, { operation: 'apply', from: undefined }))
    output.result(
      { directory, erasures: [], skipped: true },
      () => `${directory} is open: start the server as usual\n`,
    )
    return
  }
  const { environment } = terminal
  const places = { binDirectory: config.postgres.binDirectory, path: environment['PATH'] }
  const { outcomes } = await applyToDirectory(
    { world, progress, log, enter, environment, places, sources: ahead.sources },
    { directory, requests: ahead.requests, users: await likelyUsers(context) },
    signal,
  )
  output.result({ directory, erasures: outcomes.map(appliedRecord) }, () =>
    listingOf([
      ['directory', directory],
      ...appliedLines(outcomes),
      ['next', 'start the server as usual: whoever its configuration lets in can connect'],
    ]),
  )
}
