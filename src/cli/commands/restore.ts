/** `holdfast restore` */
import { defineCommand, flag, value, values } from '../command.ts'
import {
  asChoice,
  asLsn,
  asMapping,
  asText,
  asTime,
  asTimeline,
  asTransactionId,
  usageFault,
} from '../usage.ts'
import type { RestoreReport } from '../../operations/restore/restore.ts'
import type { CommandContext } from '../context.ts'
import type { layOut, LaidOut } from '../restore-setup.ts'
import { workerCount } from '../workers.ts'
import { formatLsn } from '../../wal/lsn.ts'
import { skipErasuresOption, sourceOptions, thawOption } from './common.ts'

export const restore = defineCommand({
  words: ['restore'],
  summary: 'Bring a cluster back, to any point in its window.',
  description:
    'Plans first (which backup, which timeline, which WAL, proven present), shows the plan, and carries out exactly that. ' +
    'A point that can not be reached is refused before anything is written, with the nearest one that can. The restored ' +
    'server comes up with archiving off, unless it is said to replace the original. With several repositories, each object is ' +
    'read from the first that has it whole: what is damaged or out of reach in one is taken from the next, and reported. When one that ' +
    'can not be read might lead further (a newer backup, more WAL), it asks; without a terminal it goes on only with --without NAME. ' +
    'Requests to forget a person (holdfast erase) that are newer than the restored point are applied before anybody can connect: with ' +
    '--start at once, on a socket that nobody else reaches; without it the directory lets nobody in until `holdfast erase apply`.',
  operation: { unless: ['plan'], target: ['targetDir', 'asInstance'] },
  keepsToRates: true,
  arguments: {},
  options: {
    targetDir: value('DIR', asText, 'The data directory to write.'),
    backup: value('ID', asText, 'Start from this backup (else the latest one before the target).'),
    latest: flag('To the end of the archived WAL (the default).'),
    toTime: value('TIME', asTime, 'To this time, with its offset: "2026-03-01 14:30:00+00:00".'),
    toLsn: value('LSN', asLsn, 'To this position in the WAL: 16/B374D848.'),
    toXid: value('XID', asTransactionId, 'To the commit of this transaction.'),
    toName: value('NAME', asText, 'To this restore point (pg_create_restore_point).'),
    toImmediate: flag('Only until the backup is consistent: to its own end.'),
    exclusive: flag('Stop just before the target instead of just after it.'),
    timeline: value(
      'T',
      asTimeline,
      `The timeline to follow: a number, "latest" (the default) or "current" (the backup's own).`,
    ),
    action: value(
      'promote|pause|shutdown',
      asChoice('promote', 'pause', 'shutdown'),
      'What the server does at the target (else promote).',
    ),
    tablespace: values('OLD=NEW', asMapping, 'Put the tablespace that was at OLD, or has this name, at NEW.'),
    delta: flag('Keep what is right in an existing directory, and write only the rest.'),
    force: flag('Write into a directory that is not empty; what is there is deleted.'),
    plan: flag('Show the plan and stop.'),
    asInstance: value(
      'NAME',
      asText,
      "Of a managed server's snapshot: the new server's name. Instead of --target-dir.",
    ),
    start: flag('Start the server, and follow the replay to the target.'),
    standby: flag('Bring it up as a standby (standby.signal), which goes on following.'),
    asReplacement: flag('The restored server takes the place of the original: archiving stays on.'),
    thaw: thawOption,
    skipErasures: skipErasuresOption,
    yes: flag('Do not ask whether what is in the directory may be deleted.'),
    ...sourceOptions,
  },
  examples: [
    {
      command: 'holdfast restore --target-dir /var/lib/postgresql/17/restored --plan',
      doc: 'What would be done, without doing it.',
    },
    {
      command: 'holdfast restore --target-dir /srv/restored --to-time "2026-03-01 14:29:59+00:00" --start',
      doc: 'The cluster as it was a moment before, running.',
    },
    {
      command: 'holdfast restore --target-dir /var/lib/postgresql/17/main --delta --as-replacement',
      doc: 'Repairs the original in place.',
    },
    {
      command: 'holdfast restore --target-dir /srv/restored --as-of "2026-03-01 03:00:00+00:00"',
      doc: 'From the buckets as they were before somebody deleted or overwrote everything in them.',
    },
    {
      command:
        'holdfast restore --target-dir /srv/restored --backup 20260301T020000Z-full --to-immediate --thaw bulk',
      doc: 'From the archive, out of a cold storage class.',
    },
  ],
  async run(context, given) {
    const { asInstance } = given
    if (asInstance !== undefined) {
      await (await import('../managed.ts')).restoreManaged(context, { ...given, asInstance })
      return undefined
    }
    const [
      { layOut },
      { closedLine, planListing, planRecord, restoreListing, startedRecord, unsureFault },
      { restore: carryOut },
      { startAsGiven },
      { mustThaw },
      { noteSkipped },
    ] = await Promise.all([
      import('../restore-setup.ts'),
      import('../describe-restore.ts'),
      import('../../operations/restore/restore.ts'),
      import('../start-restored.ts'),
      import('../describe-thaw.ts'),
      import('../erasures.ts'),
    ])
    const { config } = await context.config()
    const { output, log, signal } = context
    let laidOut = await layOut(context, given)
    for (const source of laidOut.closed) output.warn(closedLine(source))
    if (given.plan) {
      output.result({ plan: planRecord(laidOut) }, () => planListing(laidOut))
      return undefined
    }
    output.note(planListing(laidOut).trimEnd())
    if (laidOut.isProvisional) laidOut = await thawToPlan(context, given, laidOut)
    const { deps, layout, recovery, mayLeadFurther, thaw: thawPlan } = laidOut
    const plan = planRecord(laidOut)
    if (thawPlan && given.thaw === undefined) throw mustThaw(thawPlan)
    if (mayLeadFurther.length > 0 && (given.yes || context.terminal.ask === undefined))
      throw unsureFault(mayLeadFurther, formatLsn(layout.plan.stop.lsn))
    await confirm(context, given.yes, layout.use !== 'fresh' || mayLeadFurther.length > 0)
    if (thawPlan) await (await import('../../operations/thaw/thaw.ts')).thaw(context, thawPlan, signal)
    const from = { operation: 'restore', from: layout.record.id } as const
    if (!given.standby) await noteSkipped(context, laidOut.erasures, from)
    const report = laidOut.snapshot
      ? await bringBack(context, laidOut, laidOut.snapshot)
      : await carryOut({ ...deps, log }, { layout, recovery, workers: workerCount(config.workers) }, signal)
    const started = given.start ? await startAsGiven(context, laidOut, given) : undefined
    const closed = laidOut.isClosed && (started?.isClosed ?? true)
    output.result({ plan, result: report, closed, ...startedRecord(started) }, () =>
      restoreListing(report, started, laidOut),
    )
    return undefined
  },
})

/** The target is looked for in what was thawed. What is still cold then is asked for once more, by its own plan. */
async function thawToPlan(
  context: CommandContext,
  words: Parameters<typeof layOut>[1],
  { thaw: plan, snapshot }: LaidOut,
): Promise<LaidOut> {
  const [{ layOut }, { planListing }, { mustThaw }] = await Promise.all([
    import('../restore-setup.ts'),
    import('../describe-restore.ts'),
    import('../describe-thaw.ts'),
  ])
  await snapshot?.provider.close()
  if (plan && words.thaw === undefined) throw mustThaw(plan)
  if (plan) await (await import('../../operations/thaw/thaw.ts')).thaw(context, plan, context.signal)
  const laidOut = await layOut(context, words)
  context.output.note(planListing(laidOut).trimEnd())
  if (laidOut.isProvisional && laidOut.thaw) throw mustThaw(laidOut.thaw)
  return laidOut
}

async function bringBack(
  { world, progress, log, signal }: CommandContext,
  { deps: { copies, troubles }, recovery }: LaidOut,
  { provider, layout }: NonNullable<LaidOut['snapshot']>,
): Promise<RestoreReport> {
  const { restoreSnapshot } = await import('../../operations/snapshot/restore-snapshot.ts')
  try {
    const deps = { world, progress, log, provider, copies, troubles }
    return await restoreSnapshot(deps, { layout, recovery }, signal)
  } finally {
    await provider.close()
  }
}

/**
 * Asks only where something would be deleted or written over, or where what could not be read might lead further; and
 * when somebody is there to answer.
 */
async function confirm({ terminal }: CommandContext, yes: boolean, isGrave: boolean): Promise<void> {
  if (yes || !isGrave || terminal.ask === undefined) return
  const answer = await terminal.ask('Go on? [y/N] ')
  if (!/^y(es)?$/i.test(answer))
    throw usageFault('the restore was not confirmed', 'Nothing was changed. Answer y, or give --yes.')
}
