/** What one call of `wal push` works with. Loaded for every segment, so it imports little. */
import { spawn } from 'node:child_process'
import { dirname, resolve } from 'node:path'
import type { Helper, PushCallDeps } from '../operations/wal-push/call.ts'
import { encodeHere } from '../operations/wal-push/encode-wal.ts'
import { openOwedBook } from '../operations/wal-push/owed.ts'
import { openPushedSpool } from '../operations/wal-push/pushed-spool.ts'
import { openTargets } from '../operations/wal-push/target.ts'
import { openStorage } from '../storage/open.ts'
import type { CommandContext } from './context.ts'
import { pushPlan } from './push-setup.ts'

export async function openPushCall(
  context: CommandContext,
  given: { readonly path: string; readonly repository: string | undefined },
): Promise<PushCallDeps & AsyncDisposable> {
  const { world, terminal, program } = context
  const [{ config, path: configPath }, plan] = await Promise.all([
    context.config(),
    pushPlan(context, given.repository),
  ])
  const walFolder = dirname(resolve(terminal.workingDirectory, given.path))
  const { clock } = world
  const { environment } = terminal
  // A repository that is named is meant alone; the helper serves the configuration.
  const helps = given.repository === undefined && (config.wal.pushAhead > 0 || plan.targets.length > 1)
  const spool = helps ? await openPushedSpool(walFolder, configPath, { environment, clock }) : undefined
  const opened = openTargets(plan.targets, { cluster: plan.cluster, world, openStorage })
  return {
    world,
    walFolder,
    spool,
    targets: opened.all,
    durableIn: plan.durableIn,
    encode: encodeHere,
    book: openOwedBook(walFolder, clock),
    parallel: config.wal.pushAhead,
    startPushAhead: () =>
      startHelper(program.launcher, ['--config', configPath, 'wal', 'push-ahead', walFolder]),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  }
}

/** This program once more, in a session of its own: it outlives this command, and serves those that follow. */
function startHelper(launcher: string, words: readonly string[]): Helper {
  let ended = false
  const child = spawn(launcher, words, { detached: true, stdio: 'ignore' })
  const onEnd = (): void => {
    ended = true
  }
  // Pushing ahead is a help, not a need.
  child.on('error', onEnd)
  child.on('exit', onEnd)
  child.unref()
  return { hasEnded: () => ended }
}
