/** The runbooks for a dropped table, carried out to the letter: every command of them, in one shell. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { followPage } from '../support/follow-page.ts'
import { binDirectory } from '../support/postgres-binaries.ts'
import { openLab } from '../support/repository-lab.ts'

const page = 'docs/runbooks/restore-a-dropped-table.md'

test(
  'a dropped table is brought back into the running original, and the copy is gone afterwards',
  { timeout: 180_000 },
  async () => {
    await using lab = await openLab({ major: 15, build: 'debian' })
    // So that the copy finds the place of the original taken, as on a real host.
    lab.server.configure({ unix_socket_directories: lab.server.socketDirectory })
    await lab.server.query('CREATE TABLE "orders" AS SELECT generate_series(1, 1000) AS id')
    await lab.backup()
    await lab.server.query('INSERT INTO orders VALUES (1001)')
    const moment = await lab.server.value('SELECT clock_timestamp()::text')
    await lab.server.query('DROP TABLE orders')

    const copy = join(lab.server.root, 'copy')
    const { status, output } = await followPage(lab, page, {
      DATABASE: 'postgres',
      TABLE: 'orders',
      COPY: copy,
      BIN: binDirectory(15, 'debian'),
      TARGET: `--to-time "${moment}"`,
    })
    expect(status, output).toBe(0)
    expect(await lab.server.value('SELECT count(*) FROM orders'), output).toBe('1001')
    expect(existsSync(copy)).toBe(false)
  },
)

test(
  'a table that was dropped by accident comes back alone, to where it was',
  { timeout: 180_000 },
  async () => {
    await using lab = await openLab({ major: 15, build: 'debian' })
    lab.server.configure({ unix_socket_directories: lab.server.socketDirectory })
    await lab.server.query('CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE other (id int)')
    await lab.backup()
    await lab.server.query('INSERT INTO orders SELECT generate_series(1, 1001)')
    await lab.server.query('DROP TABLE orders')
    const settings = { DATABASE: 'postgres', SCHEMA: 'public', TABLE: 'orders' }
    const { status, output } = await followPage(lab, 'docs/runbooks/accidental-table-drop.md', settings)
    expect(status, output).toBe(0)
    expect(output).toContain('dropped public.orders')
    expect(await lab.server.value('SELECT count(*) FROM public.orders'), output).toBe('1001')
  },
)
