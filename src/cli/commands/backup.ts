/** `holdfast backup` */
import { hostname } from 'node:os'
import { Fault } from '../../base/fault.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import { archiveCommandOf } from '../archive-command.ts'
import { defineCommand, flag, value } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { asChoice, asText } from '../usage.ts'
import { workerCount } from '../workers.ts'
import { repositoryOption } from './common.ts'

export const backup = defineCommand({
  words: ['backup'],
  summary: 'Take a base backup.',
  description:
    'Copies the data directory while the server runs, checks every page, and waits until the WAL that the backup needs is in ' +
    'the repository. The backup exists once this command says so, and not before. Exits with 61 when it is complete and ' +
    'pages of the source are corrupt.',
  arguments: {},
  options: {
    full: flag('A full backup (the default).'),
    label: value('TEXT', asText, 'A note to find it by.'),
    checkpoint: value(
      'fast|spread',
      asChoice('fast', 'spread'),
      "Make a checkpoint at once, or wait for one at the server's own pace.",
    ),
    repository: repositoryOption,
  },
  examples: [
    { command: 'holdfast backup', doc: 'A full backup into the first repository of the configuration.' },
    {
      command: 'holdfast backup --label "before the upgrade" --json',
      doc: "Prints the backup's record (its backup.json) for a script.",
    },
  ],
  async run(context, given) {
    const [{ backUp }, { backupSummary }] = await Promise.all([
      import('../../operations/backup/backup.ts'),
      import('../describe-backup.ts'),
    ])
    const { config, path } = await context.config()
    const request = {
      label: given.label ?? '',
      fast: (given.checkpoint ?? config.backups.checkpoint) === 'fast',
      dataDirectory: config.postgres.dataDirectory,
      workers: workerCount(config.workers),
      walStallMsMax: config.backups.walStall,
      host: hostname(),
      archiveCommand: archiveCommandOf(context.program, path),
    }
    const record = await backUp(await depsOf(context, given.repository), request, context.signal)
    context.progress.end()
    context.output.result(record, () => backupSummary(record))
    if (record.checks.pagesCorrupt > 0) throw damagedPages(record)
    return undefined
  },
})

async function depsOf(context: CommandContext, name: string | undefined) {
  const { world, progress, log, program, connect, connectPrimary } = context
  const { openWalStore } = await import('../../repository/wal-store.ts')
  const { config } = await context.config()
  const { repository, description: storage, encoding } = await context.openRepository(name)
  const wal = openWalStore(repository, { encoding, identities: [] })
  const hasPrimary = config.postgres.primary !== undefined
  return {
    world,
    progress,
    log,
    repository,
    storage,
    encoding,
    wal,
    connect,
    worker: program.worker,
    connectPrimary: hasPrimary ? connectPrimary : undefined,
  }
}

function damagedPages({ id, checks }: BackupRecord): Fault {
  const [first] = checks.corrupt
  const example = first === undefined ? '' : `, the first in ${first.path}, block ${String(first.blocks[0])}`
  return new Fault(
    'BACKUP_DAMAGED_PAGES',
    `${id} is complete, but ${String(checks.pagesCorrupt)} pages of the source are corrupt${example}`,
    {
      hint: `Run \`holdfast show ${id}\` for the list; look for an older good backup of these pages, and at the disk of the server.`,
    },
  )
}
