/** The runbook for a failed drill, carried out to the letter: a table is gone, the page finds out since when, and a drill passes again. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { followPage } from '../support/follow-page.ts'
import { describeRun } from '../support/holdfast.ts'
import { makeOwned } from '../support/postgres-server.ts'
import { openLab } from '../support/repository-lab.ts'

const page = 'docs/runbooks/failed-drill.md'

test(
  'the cause of a failed drill is found, and once it is gone a drill passes',
  { timeout: 240_000 },
  async () => {
    await using lab = await openLab({ major: 15, build: 'debian', settings: { autovacuum: false } })
    const scratch = join(lab.server.root, 'scratch')
    makeOwned(scratch)
    const orders = { database: 'postgres', sql: 'SELECT count(*) FROM orders', at_least: 1000 }
    lab.writeConfig('holdfast.yaml', {
      agent: { state: join(lab.server.root, 'state') },
      drills: { scratch, assertions: { orders } },
    })
    await lab.server.query('CREATE TABLE orders (id int PRIMARY KEY)')
    await lab.server.query('INSERT INTO orders SELECT generate_series(1, 1000)')
    await lab.backup()
    await lab.server.query('DROP TABLE orders')
    await lab.archiveAll()
    const failed = await lab.run(['drill'])
    expect(failed.status, describeRun(failed)).toBe(63)

    const settings = { DATABASE: 'postgres', TABLE: 'public.orders' }
    const found = await followPage(lab, page, settings, { before: '5.' })
    expect(found.status, found.output).toBe(0)
    // Shown of the first drill, and so again in the second one.
    const answer = /^FAILED +orders: .*: relation "orders" does not exist$/gm
    expect(found.output.match(answer), found.output).toHaveLength(2)
    expect(found.output).toContain('there is no public.orders in the live server')
    expect(found.output).toContain('dropped public.orders')

    await lab.ok([
      'restore-table',
      'public.orders',
      '--before-drop',
      '--database',
      'postgres',
      '--into',
      'public',
    ])
    const after = await followPage(lab, page, {}, { section: '5.' })
    expect(after.status, after.output).toBe(0)
    expect(after.output).toMatch(/^passed$/m)
  },
)
