/** A drill, on a real server: what it finds well, what it finds wrong, and that nothing is left of it. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DrillReport } from '../src/repository/format/drill-record.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'
import { openLab, type Lab } from './support/repository-lab.ts'

describe('a drill', () => {
  let lab: Lab
  let scratch: string

  beforeAll(async () => {
    lab = await openLab({ major: 15, build: 'debian', walSegmentSizeMb: 4, settings: { autovacuum: false } })
    scratch = join(lab.server.root, 'scratch')
    makeOwned(scratch)
    lab.writeConfig('holdfast.yaml', {
      agent: { state: join(lab.server.root, 'state') },
      drills: {
        scratch,
        assertions: {
          orders: { database: 'postgres', sql: 'SELECT count(*) FROM orders', at_least: 1000 },
          fresh: { database: 'postgres', sql: 'SELECT max(placed_at) FROM orders', newer_than: '1h' },
        },
        application: { command: 'psql -Atc "SELECT count(*) FROM orders"' },
      },
    })
    for (const sql of [
      'CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamptz DEFAULT now(), note text)',
      `INSERT INTO orders SELECT i, now(), repeat('x', 100) FROM generate_series(1, 3000) i`,
      'CREATE TABLE customers (id int PRIMARY KEY, name text)',
      `INSERT INTO customers SELECT i, 'n' || i FROM generate_series(1, 500) i`,
      'VACUUM ANALYZE',
    ])
      await lab.server.query(sql)
    await lab.backup()
    await lab.server.query('INSERT INTO orders SELECT i FROM generate_series(3001, 3100) i')
    await lab.archiveAll()
  })

  afterAll(() => lab[Symbol.asyncDispose]())

  test('restores the latest, asks, and leaves nothing behind', async () => {
    const run = await lab.run(['drill', '--json'])

    const report = jsonOf<DrillReport>(run)
    expect(report.outcome, describeRun(run)).toBe('passed')
    expect(readdirSync(scratch)).toEqual([])
    expect(existsSync(scratch)).toBe(true)
  })
})
