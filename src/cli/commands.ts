/** The list of commands, in the order in which people meet them. */
import type { Command } from './command.ts'
import { backup } from './commands/backup.ts'
import { copy } from './commands/copy.ts'
import { doctor } from './commands/doctor.ts'
import { init } from './commands/init.ts'
import { list } from './commands/list.ts'
import { lock } from './commands/lock.ts'
import { policyCommands } from './commands/policy.ts'
import { repair } from './commands/repair.ts'
import { restore } from './commands/restore.ts'
import { show } from './commands/show.ts'
import { status } from './commands/status.ts'
import { verify } from './commands/verify.ts'
import { walFetchAhead } from './commands/wal-fetch-ahead.ts'
import { walGet } from './commands/wal-get.ts'
import { walPush } from './commands/wal-push.ts'
import { walPushAhead } from './commands/wal-push-ahead.ts'
import { walStatus } from './commands/wal-status.ts'

export const commands: readonly Command[] = [
  init,
  doctor,
  status,
  backup,
  list,
  show,
  restore,
  verify,
  lock,
  copy,
  repair,
  walPush,
  walGet,
  walStatus,
  ...policyCommands,
  walFetchAhead,
  walPushAhead,
]

/** First words that stand before several commands. */
export const groups: Readonly<Record<string, string>> = {
  policy:
    'Print policies for the storage: least rights for each role, protection of the bucket, lifecycle rules.',
  wal: 'Archive WAL, fetch it, and show what is archived.',
}
