/** Is everything back? Asked of the copy, the original and the application's journal; Holdfast has no say here. */
import { fingerprintOrders, moneyInAll, one } from '../shop.ts'
import type { Database } from '../server.ts'
import type { Scene } from '../story.ts'
import { isStartOf, readPayments, type Writer } from '../writer.ts'
import type { Moment } from './find-accident.ts'
import type { Accident } from './have-accident.ts'

export interface Checked {
  readonly payments: number
  readonly lost: number
}

interface Parties {
  readonly original: Database
  readonly copy: Database
  readonly writer: Writer
}

export async function checkCopy(
  scene: Scene,
  parties: Parties,
  accident: Accident,
  moment: Moment,
): Promise<Checked> {
  const { tell } = scene
  tell.step('Is everything back, and nothing else?')
  tell.say(
    'Asked with plain SQL of the copy and of the original, and compared with the journal of the application.',
  )
  await checkOrders(scene, parties, accident)
  const checked = await checkPayments(scene, parties, moment)
  await checkInside(scene, parties)
  return checked
}

async function checkOrders(
  { tell, orders, signal }: Scene,
  { copy }: Parties,
  { lost }: Accident,
): Promise<void> {
  const found = await tell.during('reading the orders', fingerprintOrders(copy, signal))
  const since = orders.inAll - orders.atBackup
  tell.check(
    `all ${lost.rows.toLocaleString('en-US')} orders are back, with the ${since.toLocaleString('en-US')} made after the backup`,
    found.rows === lost.rows && found.rows === orders.inAll,
  )
  tell.check(
    `the SHA-256 over all of them is the same: ${found.hash.slice(0, 12)}…`,
    found.hash === lost.hash,
  )
}

/**
 * The application makes one payment at a time, so those that were committed by a moment are a beginning of its journal.
 * Where it ends is told by the original, which keeps the time of each commit.
 */
async function checkPayments(
  { tell }: Scene,
  { original, copy, writer }: Parties,
  { time }: Moment,
): Promise<Checked> {
  const payments = await readPayments(copy)
  const confirmedBefore = writer.journal.filter(
    ({ committedAtMs }) => committedAtMs < Date.parse(time),
  ).length
  const [committedBy, later] = await Promise.all(['<=', '>'].map(side => countPayments(original, side, time)))
  tell.check(
    `exactly the ${String(committedBy)} payments that were committed by then are there: the original knows the time of each commit`,
    payments.length === committedBy,
  )
  tell.check('each of them is as the journal of the application has it', isStartOf(writer.journal, payments))
  tell.check(
    `none of the ${String(confirmedBefore)} that the application had seen confirmed by then is missing`,
    payments.length >= confirmedBefore && confirmedBefore > 0,
  )
  tell.check(`the ${String(later)} payments made since are safe in the original`, (later ?? 0) > 0)
  return { payments: payments.length, lost: Math.max(0, (committedBy ?? 0) - payments.length) }
}

async function countPayments(db: Database, side: string, time: string): Promise<number> {
  const sql = `SELECT count(*) FROM payment WHERE pg_xact_commit_timestamp(xmin) ${side} $1::timestamptz`
  return Number(await one<string>(db, sql, [time]))
}

async function checkInside({ tell }: Scene, { copy }: Parties): Promise<void> {
  const money = Number(await one<string>(copy, 'SELECT sum(balance) FROM account'))
  tell.check(
    `no money was made or lost: the accounts hold ${money.toLocaleString('en-US')}`,
    money === moneyInAll,
  )
  await copy.query('CREATE EXTENSION amcheck')
  const broken = Number(await one<string>(copy, `SELECT count(*) FROM verify_heapam('orders')`))
  await copy.query(`SELECT bt_index_check('orders_pkey', true)`) // Raises an error when something is wrong.
  tell.check("PostgreSQL's own amcheck finds nothing wrong with the table and its index", broken === 0)
  const archiving = await one<string>(copy, 'SHOW archive_mode')
  tell.check(
    'the copy does not archive, so it can not mix its WAL with that of the original',
    archiving === 'off',
  )
}
