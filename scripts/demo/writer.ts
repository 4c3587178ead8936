/** The application of the story: it moves money between accounts all the time, and keeps a journal of what was committed. */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { accountCount, ordersAtFirst } from './shop.ts'

export interface Payment {
  readonly id: number
  readonly order: number
  readonly from: number
  readonly to: number
  readonly amount: number
  /** When the server had said that it is committed. */
  readonly committedAtMs: number
}

export interface Writer extends AsyncDisposable {
  /** What the server has said to be committed, in this order. */
  readonly journal: readonly Payment[]
  /** After the payment that is under way. Rejects with what has stopped the writer before. */
  stop(): Promise<void>
}

/** Both accounts and the payment in one transaction: money is neither made nor lost. */
const pay = `
  WITH taken AS (UPDATE account SET balance = balance - $5 WHERE id = $3),
       given AS (UPDATE account SET balance = balance + $5 WHERE id = $4)
  INSERT INTO payment (id, order_id, from_account, to_account, amount) VALUES ($1, $2, $3, $4, $5)
`

const pauseMs = 3

export function startWriter(db: pg.Client): Writer {
  const journal: Payment[] = []
  const stopped = new AbortController()
  const work = (async () => {
    for (let id = 1; !stopped.signal.aborted; id++) {
      const from = 1 + (id % accountCount)
      const payment = {
        id,
        order: 1 + ((id * 7) % ordersAtFirst),
        from,
        to: 1 + (from % accountCount),
        amount: 1 + (id % 50),
      }
      await db.query(pay, [payment.id, payment.order, payment.from, payment.to, payment.amount])
      journal.push({ ...payment, committedAtMs: Date.now() })
      await delay(pauseMs)
    }
  })()
  work.catch(() => undefined) // stop() tells it.
  const stop = async (): Promise<void> => {
    stopped.abort()
    await work
  }
  return { journal, stop, [Symbol.asyncDispose]: () => stop().catch(() => undefined) }
}

/** The payments in a database, in the order of the journal. */
export async function readPayments(db: pg.Client): Promise<readonly Omit<Payment, 'committedAtMs'>[]> {
  const { rows } = await db.query<Record<'id' | 'order' | 'from' | 'to' | 'amount', string | number>>(
    'SELECT id, order_id AS "order", from_account AS "from", to_account AS "to", amount FROM payment ORDER BY id',
  )
  return rows.map(({ id, order, from, to, amount }) => ({
    id: Number(id),
    order: Number(order),
    from: Number(from),
    to: Number(to),
    amount: Number(amount),
  }))
}

/** Whether these are the first payments of the journal, each as it was made, and no others. */
export function isStartOf(
  journal: readonly Payment[],
  payments: readonly Omit<Payment, 'committedAtMs'>[],
): boolean {
  return payments.every((payment, i) => {
    const made = journal[i]
    return (
      made !== undefined &&
      (['id', 'order', 'from', 'to', 'amount'] as const).every(key => made[key] === payment[key])
    )
  })
}
