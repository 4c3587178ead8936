/** Life goes on, somebody drops a table, and life goes on again. */
import { setTimeout as delay } from 'node:timers/promises'
import { fingerprintOrders, one, type Fingerprint } from '../shop.ts'
import type { Database } from '../server.ts'
import type { Scene } from '../story.ts'
import type { Writer } from '../writer.ts'

export interface Accident {
  /** The table as it was. */
  readonly lost: Fingerprint
  /** Segments archived, and the age of the last one when the table was dropped. */
  readonly unarchivedMs: number
  readonly happenedAtMs: number
}

export async function haveAccident(
  { tell, signal }: Scene,
  db: Database,
  { journal }: Writer,
): Promise<Accident> {
  tell.step('An accident')
  const lost = await tell.during('looking at the orders', fingerprintOrders(db, signal))
  tell.say(
    `The application goes on. The table "orders" has ${lost.rows.toLocaleString('en-US')} rows; the SHA-256 over all of them begins with ${lost.hash.slice(0, 12)}. Then somebody is in the wrong window:`,
  )
  await delay(2000, undefined, { signal })
  const unarchivedMs = await one<number>(
    db,
    'SELECT (extract(epoch FROM now() - last_archived_time) * 1000)::float8 FROM pg_stat_archiver',
  )

  const statement = 'DROP TABLE orders CASCADE'
  tell.command(`psql shop -c '${statement}'`)
  const before = journal.length
  const happenedAtMs = Date.now()
  await db.query(statement)
  tell.quote('DROP TABLE')
  await delay(2000, undefined, { signal })
  const exists = await one<boolean>(db, `SELECT to_regclass('orders') IS NOT NULL`)
  tell.check('the table is gone', !exists)
  const after = journal.length - before
  tell.check(`the application has noticed nothing: ${String(after)} payments since`, after > 0)
  return { lost, unarchivedMs, happenedAtMs }
}
