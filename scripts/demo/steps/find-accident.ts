/** When was it? The server's log knows. And can we get there? Holdfast tells, before anything is written. */
import { setTimeout as delay } from 'node:timers/promises'
import { askHoldfast } from '../holdfast.ts'
import { logFile, readLines, type Database } from '../server.ts'
import { one } from '../shop.ts'
import type { Scene } from '../story.ts'

export interface Moment {
  /** As it is given to `--to-time`. */
  readonly time: string
  readonly walSegments: number
}

export async function findAccident(scene: Scene, db: Database): Promise<Moment> {
  const { stage, tell, holdfast, signal } = scene
  tell.step('When was it, and can we get back there?')
  tell.command(`grep 'DROP TABLE' server.log`)
  const line = readLines(logFile(stage)).find(text => text.includes('DROP TABLE'))
  tell.quote(line ?? '(nothing)')
  const [, stamp] = /^(\S+ \S+) UTC/.exec(line ?? '') ?? []
  if (stamp === undefined) throw new Error('the server has not logged the accident')
  const time = `${stamp}+00:00`
  tell.say(
    `PostgreSQL writes this line before it carries the statement out, so ${time} is the moment before.`,
  )

  await archiveAll(scene, db)
  await holdfast(['wal', 'status'], { doing: 'looking at the archive' })
  await holdfast(restoreWords(scene, time, '--plan'), { doing: 'planning' })
  tell.say(
    'That was only the plan: nothing is written yet, and all the WAL on the way is proven to be there.',
  )
  const { plan } = await askHoldfast<Planned>(stage, restoreWords(scene, time, '--plan'), signal)
  const last = Date.parse(plan.stop.lastTransaction?.time ?? '')
  tell.check('the plan ends with a transaction from before the accident', last <= Date.parse(time))
  const status = await askHoldfast<Archived>(stage, ['wal', 'status'], signal)
  tell.check('the archived WAL has no gap', status.gaps.length === 0)
  const segments = status.timelines.flatMap(({ runs }) => runs).reduce((sum, run) => sum + run.segments, 0)
  return { time, walSegments: segments }
}

export function restoreWords({ stage }: Scene, time: string, ...more: readonly string[]): readonly string[] {
  return ['restore', '--target-dir', stage.at('restored'), '--to-time', time, ...more]
}

interface Planned {
  readonly plan: { readonly stop: { readonly lastTransaction: { readonly time: string } | null } }
}

interface Archived {
  readonly gaps: readonly unknown[]
  readonly timelines: readonly { readonly runs: readonly { readonly segments: number }[] }[]
}

/** What was written last is handed over when its segment is full, or after archive_timeout: the demo is in a hurry. */
async function archiveAll({ tell, signal }: Scene, db: Database): Promise<void> {
  tell.say(
    'WAL reaches the repository when a segment of 16 MiB is full, at the latest after archive_timeout, one minute. To not wait that long:',
  )
  tell.command(`psql -c 'SELECT pg_switch_wal()'`)
  const segment = await one<string>(db, 'SELECT pg_walfile_name(pg_switch_wal())')
  await tell.during('waiting for the archiver', untilArchived(db, segment, signal))
}

async function untilArchived(db: Database, segment: string, signal: AbortSignal): Promise<void> {
  for (let waitedMs = 0; waitedMs < 120_000; waitedMs += 100) {
    const sql = 'SELECT coalesce(last_archived_wal COLLATE "C" >= $1, false) FROM pg_stat_archiver'
    if (await one<boolean>(db, sql, [segment])) return
    await delay(100, undefined, { signal })
  }
  throw new Error(`the archiver has not stored ${segment} within two minutes`)
}
