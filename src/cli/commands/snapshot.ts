/** `holdfast snapshot` */
import { faultCatalogue } from '../../base/fault.ts'
import { defineCommand, value } from '../command.ts'
import { asChoice, asText } from '../usage.ts'
import { repositoryOption } from './common.ts'
import { settleBehind } from '../settle-behind.ts'

export const snapshot = defineCommand({
  words: ['snapshot'],
  summary: 'Take a base backup by snapshots of the volumes.',
  description:
    'Finds the volumes that hold the data directory, tablespaces and pg_wal, and has all of them frozen at the same time between the ' +
    'begin and the end of a backup on the server; so WAL can be replayed on them to any point. The repository gets the label files ' +
    'and the record; the data stay where the provider keeps its snapshots (section `snapshots` of the configuration). When one ' +
    'volume fails, the snapshots of the others are removed. What a killed run left is removed by the next one. Of a managed server ' +
    '(aws-rds, gcp-cloudsql) the vendor makes a snapshot of the whole server, on which no WAL is replayed.',
  operation: {},
  arguments: {},
  options: {
    label: value('TEXT', asText, 'A note to find it by.'),
    checkpoint: value(
      'fast|spread',
      asChoice('fast', 'spread'),
      "Make a checkpoint at once, or wait for one at the server's own pace.",
    ),
    repository: repositoryOption,
  },
  examples: [
    {
      command: 'holdfast snapshot',
      doc: 'Snapshots of all volumes of the cluster, as the configuration says.',
    },
    {
      command: 'holdfast snapshot --label "before the upgrade" --json',
      doc: 'Prints the record (its backup.json) for a script; `snapshot.volumes` names what was made.',
    },
  ],
  async run(context, given) {
    const { output, signal } = context
    const { config: said } = await context.config()
    const { isManaged } = await import('../../snapshots/managed/server.ts')
    if (said.snapshots && isManaged(said.snapshots.provider)) {
      return (await import('../managed.ts')).snapshotManaged(context, given)
    }
    const [
      { takeSnapshot },
      { backupSetup, backupRequest },
      { snapshotSummary },
      { lockAfterAll },
      { openConfiguredProvider, witnesses },
    ] = await Promise.all([
      import('../../operations/snapshot/snapshot.ts'),
      import('../backup-setup.ts'),
      import('../describe-snapshot.ts'),
      import('../lock-after.ts'),
      import('../snapshot-setup.ts'),
    ])
    const provider = await openConfiguredProvider(context)
    try {
      const setup = await backupSetup(context, given.repository)
      const { config } = await context.config()
      const deps = { ...setup.deps, provider, otherWitnesses: await witnesses(context) }
      const request = {
        ...(await backupRequest(context, given)),
        timeLimitMs: config.snapshots?.timeLimit ?? 0,
      }
      const outcome = await takeSnapshot(deps, request, signal)
      const { record } = outcome
      const { whole, behind } = await settleBehind(context, setup, outcome)
      output.result({ ...record, repositories: whole }, () => snapshotSummary(record))
      for (const { name, fault } of behind)
        output.warn(`repository "${name}" does not have ${record.id}: ${fault.message}`)
      const unlocked = await lockAfterAll(context, whole)
      if (behind.length > 0) return faultCatalogue.REPOSITORY_BEHIND.exit
      return unlocked && faultCatalogue[unlocked.code].exit
    } finally {
      await provider.close()
    }
  },
})
