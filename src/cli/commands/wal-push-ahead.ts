/** `holdfast wal push-ahead FOLDER`: the helper that `wal push` starts. Not for people. */
import { argument, defineCommand } from '../command.ts'

export const walPushAhead = defineCommand({
  words: ['wal', 'push-ahead'],
  hidden: true,
  summary: 'Push the WAL files that wait, before PostgreSQL asks. Started by `wal push`; ends by itself.',
  operation: { forSegments: true },
  arguments: { folder: argument('FOLDER', 'The pg_wal of the server.') },
  options: {},
  examples: [],
  async run(context, given) {
    const [
      { pushAhead },
      here,
      { openOwedBook },
      { openPushedSpool },
      { openTargets },
      { openStorage },
      setup,
    ] = await Promise.all([
      import('../../operations/wal-push/push-ahead.ts'),
      import('../../operations/wal-push/identity-here.ts'),
      import('../../operations/wal-push/owed.ts'),
      import('../../operations/wal-push/pushed-spool.ts'),
      import('../../operations/wal-push/target.ts'),
      import('../../storage/open.ts'),
      import('../push-setup.ts'),
    ])
    const { world, terminal, progress, program, signal } = context
    const [{ config, path }, plan] = await Promise.all([context.config(), setup.pushPlan(context, undefined)])
    const { environment } = terminal
    const spool = await openPushedSpool(given.folder, path, { environment, clock: world.clock })
    if (!spool) return undefined
    const surroundings = { cluster: plan.cluster, world, openStorage }
    await using targets = openTargets(plan.targets, surroundings)
    await using opened = openTargets(plan.targets, surroundings)
    const book = openOwedBook(given.folder, world.clock)
    const identity = await here.identityHere(given.folder)
    await pushAhead(
      {
        world,
        progress,
        worker: program.worker,
        spool,
        book,
        targets: targets.all,
        opened: opened.all,
        identity,
      },
      { ...plan, walFolder: given.folder, parallel: config.wal.pushAhead },
      signal,
    )
    return undefined
  },
})
