/** The list of commands, in the order in which people meet them. */
import type { Command } from './command.ts'
import { agentCommands } from './commands/agent.ts'
import { alertsCommands } from './commands/alerts.ts'
import { archive } from './commands/archive.ts'
import { auditCommands } from './commands/audit.ts'
import { backup } from './commands/backup.ts'
import { copy } from './commands/copy.ts'
import { drillReportCommands } from './commands/drill-reports.ts'
import { dumpFetch } from './commands/dump-fetch.ts'
import { dump } from './commands/dump.ts'
import { drill } from './commands/drill.ts'
import { cost } from './commands/cost.ts'
import { doctor } from './commands/doctor.ts'
import { eraseCommands } from './commands/erase.ts'
import { expire } from './commands/expire.ts'
import { holdCommands } from './commands/hold.ts'
import { init } from './commands/init.ts'
import { list } from './commands/list.ts'
import { lock } from './commands/lock.ts'
import { metrics } from './commands/metrics.ts'
import { hostPolicyCommands } from './commands/policy-host.ts'
import { policyCommands } from './commands/policy.ts'
import { privacyReportCommand } from './commands/privacy.ts'
import { repair } from './commands/repair.ts'
import { restore } from './commands/restore.ts'
import { restoreDump } from './commands/restore-dump.ts'
import { restoreTable } from './commands/restore-table.ts'
import { show } from './commands/show.ts'
import { snapshot } from './commands/snapshot.ts'
import { status } from './commands/status.ts'
import { verify } from './commands/verify.ts'
import { walFetchAhead } from './commands/wal-fetch-ahead.ts'
import { walFind } from './commands/wal-find.ts'
import { walGet } from './commands/wal-get.ts'
import { walPush } from './commands/wal-push.ts'
import { walPushAhead } from './commands/wal-push-ahead.ts'
import { walStatus } from './commands/wal-status.ts'

export const commands: readonly Command[] = [
  init,
  doctor,
  status,
  metrics,
  backup,
  snapshot,
  dump,
  list,
  show,
  restore,
  restoreDump,
  restoreTable,
  dumpFetch,
  verify,
  drill,
  ...drillReportCommands,
  archive,
  expire,
  ...holdCommands,
  lock,
  copy,
  repair,
  cost,
  walPush,
  walGet,
  walStatus,
  walFind,
  ...eraseCommands,
  privacyReportCommand,
  ...agentCommands,
  ...auditCommands,
  ...alertsCommands,
  ...policyCommands,
  ...hostPolicyCommands,
  walFetchAhead,
  walPushAhead,
]

/** First words that stand before several commands. */
export const groups: Readonly<Record<string, string>> = {
  agent: 'Carry out the whole file: start each job when it is due, and keep copies up to date.',
  audit: 'Who did what, with what result: show the audit trail, and check it.',
  alerts: 'What is wrong, and who hears of it.',
  privacy: 'What the law asks of backups: where they lie, who can open them, how long, who did.',
  erase: 'Requests to forget a person: recorded beside the backups, and applied by every restore.',
  hold: 'Keep a backup from expiring, whatever retention says; or list what is held.',
  drill: 'What is known of drills, and whether it can be relied on.',
  policy:
    'Print policies for the storage (least rights for each role, protection of the bucket, lifecycle rules), units for systemd, and crontabs.',
  wal: 'Archive WAL, fetch it, and show what is archived.',
}
