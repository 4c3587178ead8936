import { expect, test } from 'vitest'
import { parseTime } from '../../src/wal/time.ts'
import { expectLedger } from './ledger-check.ts'
import { createLedger, startLedger } from './ledger-writer.ts'
import { committedBy, readLogOrder } from './log-order.ts'
import { expectPgbenchConsistent, initPgbench, startPgbench } from './pgbench.ts'
import { startServer } from './postgres-server.ts'

const settings = { track_commit_timestamp: 'on', wal_keep_size: '4GB' }

test("the writer's journal and the server agree, to the unit of money and the microsecond", async () => {
  await using server = await startServer({ major: 15, build: 'debian', settings })
  await createLedger(server)
  initPgbench(server, 1)
  const startLsn = await server.value('SELECT pg_current_wal_insert_lsn()')
  await using bench = startPgbench(server, 200)
  await using ledger = await startLedger(server, { seed: 5 })
  await ledger.more(300)
  await ledger.restorePoint('half way')
  await ledger.more(300)
  await ledger.stop()
  await bench.stop()

  await expectLedger(
    server,
    ledger.journal.filter(transfer => transfer.committed),
    'now',
  )
  await expectPgbenchConsistent(server, 'now')

  const records = await readLogOrder(server, startLsn)
  const committed = committedBy(records, { kind: 'latest' })
  expect(ledger.journal.filter(transfer => transfer.committed !== committed.has(transfer.xid))).toEqual([])
  const times = new Map(records.map(record => [record.xid, record.time]))
  for (const { xid, committedAt } of ledger.journal) {
    if (committedAt !== undefined) expect(parseTime(committedAt)).toBe(times.get(xid))
  }
  const atPoint = committedBy(records, { kind: 'name', name: 'half way' })
  expect(atPoint.size).toBeGreaterThan(250)
  expect(atPoint.size).toBeLessThan(committed.size)
})

test.each([14, 18] as const)('PostgreSQL %i can hold the ledger, one transaction at a time', async major => {
  await using server = await startServer({ major, settings })
  await createLedger(server)
  await using ledger = await startLedger(server, { seed: 6, oneAtATime: true })
  await ledger.more(50)
  await ledger.stop()
  await expectLedger(
    server,
    ledger.journal.filter(transfer => transfer.committed),
    'now',
  )
  const ids = ledger.journal.map(transfer => BigInt(transfer.xid))
  expect(ids).toEqual(ids.toSorted((a, b) => (a < b ? -1 : 1)))
})
