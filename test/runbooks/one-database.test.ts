/** The runbook for one database that has to come back, both ways, carried out to the letter. */
import { describe, expect, test } from 'vitest'
import { followPage } from '../support/follow-page.ts'
import { openLab, type Lab } from '../support/repository-lab.ts'

const page = 'docs/runbooks/bring-back-one-database.md'

describe('one database has to come back', () => {
  const openShop = async (): Promise<Lab> => {
    const lab = await openLab({ major: 15, build: 'debian' })
    // So that the copy finds the place of the original taken, as on a real host.
    lab.server.configure({ unix_socket_directories: lab.server.socketDirectory })
    await lab.server.query('CREATE DATABASE shop')
    await inShop(
      lab,
      'CREATE TABLE orders (id int PRIMARY KEY); CREATE VIEW latest AS SELECT max(id) FROM orders',
    )
    await inShop(lab, 'INSERT INTO orders SELECT generate_series(1, 1000)')
    return lab
  }
  async function inShop(lab: Lab, sql: string): Promise<readonly unknown[]> {
    const client = await lab.server.connect('shop')
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows
    } finally {
      await client.end()
    }
  }

  test('one that was dropped comes back from the WAL, as it was the moment before', async () => {
    await using lab = await openShop()
    await lab.backup()
    await inShop(lab, 'INSERT INTO orders VALUES (1001)')
    await lab.server.query('DROP DATABASE shop')
    const { status, output } = await followPage(lab, page, { DATABASE: 'shop' }, { section: 'From the WAL' })
    expect(status, output).toBe(0)
    expect(output).toContain('database dropped: shop')
    expect(output).toContain('database shop is back')
    expect(await inShop(lab, 'SELECT * FROM latest')).toEqual([{ max: 1001 }])
  })

  test('one that is ruined comes back from a dump, and the ruined one is kept', async () => {
    await using lab = await openShop()
    await lab.ok(['dump'])
    await inShop(lab, 'DELETE FROM orders')
    const settings = { DATABASE: 'shop', DUMP: 'latest' }
    const { status, output } = await followPage(lab, page, settings, { section: 'From a dump' })
    expect(status, output).toBe(0)
    expect(await inShop(lab, 'SELECT * FROM latest')).toEqual([{ max: 1000 }])
    expect(
      await lab.server.query("SELECT datname FROM pg_database WHERE datname ~ '^shop_' ORDER BY 1"),
    ).toEqual([{ datname: expect.stringMatching(/^shop_before_\d+$/) as string }])
  })
})
