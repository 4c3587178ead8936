/** Life goes on, somebody drops a table, and life goes on again. */
import { setTimeout as delay } from 'node:timers/promises'
import { fingerprintOrders, loadOrders, one, type Fingerprint } from '../shop.ts'
import type { Database } from '../server.ts'
import type { Scene } from '../story.ts'
import type { Writer } from '../writer.ts'

export interface Accident {
  /** The table as it was. */
  readonly lost: Fingerprint
  /** How old the last archived segment was when the table was dropped. */
  readonly unarchivedMs: number
}

export async function haveAccident(scene: Scene, db: Database, { journal }: Writer): Promise<Accident> {
  const { tell, signal } = scene
  tell.step('Life goes on, and then an accident')
  const lost = await writeMore(scene, db)
  await delay(1000, undefined, { signal })
  const archivedAgo = 'SELECT extract(epoch FROM now() - last_archived_time)::float8 FROM pg_stat_archiver'
  const unarchivedMs = (await one<number>(db, archivedAgo)) * 1000

  tell.say('Then somebody types this into the wrong window:')
  const statement = 'DROP TABLE orders'
  tell.command(`psql -c '${statement}'`)
  const before = journal.length
  await db.query(statement)
  tell.quote('DROP TABLE')
  await delay(2000, undefined, { signal })
  const isThere = await one<boolean>(db, `SELECT to_regclass('orders') IS NOT NULL`)
  tell.check('the table is gone', !isThere)
  const after = journal.length - before
  tell.check(`the application has noticed nothing: ${String(after)} payments since`, after > 0)
  return { lost, unarchivedMs }
}

/** What the backup does not hold: it can come back from the archived WAL alone. */
async function writeMore({ tell, orders, signal }: Scene, db: Database): Promise<Fingerprint> {
  await tell.during('more orders', loadOrders(db, orders.inAll, signal))
  const all = await tell.during('looking at the orders', fingerprintOrders(db, signal))
  const since = orders.inAll - orders.atBackup
  tell.say(
    `${since.toLocaleString('en-US')} more orders arrive; no backup holds them, only WAL. ` +
      `The table "orders" now has ${all.rows.toLocaleString('en-US')} rows, and the SHA-256 over all of them begins with ${all.hash.slice(0, 12)}.`,
  )
  return all
}
