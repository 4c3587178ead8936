/** What a server must hold when exactly these transactions of the journal are committed: to the last unit of money. */
import { expect } from 'vitest'
import { accountCount, openingBalance, type Transfer } from './ledger-writer.ts'
import type { TestServer } from './postgres-server.ts'

export async function expectLedger(
  server: TestServer,
  expected: readonly Transfer[],
  target: string,
): Promise<void> {
  const held = await server.query<{ transfer: string }>(
    `SELECT concat_ws(' ', session, number, xid, from_account, to_account, amount) AS transfer FROM ledger.transfers`,
  )
  const wanted = expected.map(describeTransfer)
  const difference = differenceOf(new Set(wanted), new Set(held.map(row => row.transfer)))
  expect(difference, `${target}: transactions of the journal that the server lacks, or has too many`).toEqual(
    {
      missing: [],
      unexpected: [],
    },
  )
  const accounts = await server.query<{ id: number; balance: string }>(
    'SELECT id, balance FROM ledger.accounts',
  )
  const balances = new Map(accounts.map(({ id, balance }) => [id, Number(balance)]))
  expect(balances, `${target}: balances`).toEqual(balancesAfter(expected))
  const sum = [...balances.values()].reduce((total, balance) => total + balance, 0)
  expect(sum, `${target}: the sum of all balances`).toBe(accountCount * openingBalance)
}

const describeTransfer = ({ session, number, xid, from, to, amount }: Transfer): string =>
  [session, number, xid, from, to, amount].join(' ')

function differenceOf(
  wanted: ReadonlySet<string>,
  held: ReadonlySet<string>,
): Readonly<Record<'missing' | 'unexpected', readonly string[]>> {
  // A few tell enough, and keep the message of a failing test readable.
  return {
    missing: [...wanted.difference(held)].slice(0, 10),
    unexpected: [...held.difference(wanted)].slice(0, 10),
  }
}

function balancesAfter(transfers: readonly Transfer[]): ReadonlyMap<number, number> {
  const balances = new Map(Array.from({ length: accountCount }, (_, index) => [index + 1, openingBalance]))
  const add = (id: number, amount: number): void => {
    balances.set(id, (balances.get(id) ?? 0) + amount)
  }
  for (const { from, to, amount } of transfers) {
    add(from, -amount)
    add(to, amount)
  }
  return balances
}
