/** Data, some hundred MiB of it, while the application already works with the first of it. */
import { formatBytes, formatDuration } from '../../../src/base/units.ts'
import { loadOrders, one, openShop } from '../shop.ts'
import type { Database } from '../server.ts'
import type { Scene } from '../story.ts'
import type { Writer } from '../writer.ts'

export async function openShopAndLoad(
  { tell, orders: { atBackup }, signal }: Scene,
  db: Database,
  startWriter: () => Writer,
): Promise<Writer> {
  tell.step('A shop opens')
  tell.say(
    'An application moves money between accounts, one payment after the other, and keeps a journal of what the server has confirmed. It goes on until the end of the demo. Meanwhile orders are imported.',
  )
  await openShop(db)
  const writer = startWriter()
  const startedAt = performance.now()
  await tell.during('importing orders', loadOrders(db, atBackup, signal))
  await tell.during('vacuuming', db.query('VACUUM (ANALYZE) orders')) // As autovacuum would, sooner or later.
  const tookMs = performance.now() - startedAt
  const bytes = Number(await one<string>(db, 'SELECT pg_database_size(current_database())'))
  tell.quote(
    `${atBackup.toLocaleString('en-US')} orders imported in ${formatDuration(tookMs)}, ` +
      `${String(writer.journal.length)} payments made meanwhile; the database has ${formatBytes(bytes)}`,
  )
  return writer
}
