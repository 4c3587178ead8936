/** The runbook for a new major version, carried out to the letter: from PostgreSQL 14 to 15, in one repository. */
import { expect, test } from 'vitest'
import { followPage } from '../support/follow-page.ts'
import { startServer } from '../support/postgres-server.ts'
import { openLab } from '../support/repository-lab.ts'
import { serverByHand } from '../support/server-by-hand.ts'

test('the databases, roles and rows of the old version are in the new one, which is backed up beside it', async () => {
  await using lab = await openLab({ major: 14 })
  await using next = await startServer({ major: 15, build: 'debian' })
  for (const sql of ['CREATE ROLE clerk LOGIN', 'CREATE DATABASE shop OWNER clerk'])
    await lab.server.query(sql)
  const client = await lab.server.connect('shop')
  await client.query(
    'CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id; ALTER TABLE orders OWNER TO clerk',
  )
  await client.end()
  // The programs are found in the usual places, as on a real host.
  lab.writeConfig('holdfast.yaml', { postgres: { connection: lab.server.connectionString } })
  const nextConfig = lab.writeConfig('holdfast-15.yaml', {
    cluster: 'lab15',
    postgres: { connection: next.connectionString },
  })

  const byHand = serverByHand(next)
  const words = (server: typeof next): string =>
    `host=${server.socketDirectory} port=${String(server.port)} user=postgres dbname=postgres`
  const { status, output } = await followPage(lab, 'docs/runbooks/major-upgrade.md', {
    OLD: words(lab.server),
    NEW: words(next),
    CONFIG: lab.configPath,
    NEXT: nextConfig,
    RESTART: `${byHand.stop} && ${byHand.start}`,
  })
  try {
    expect(status, output).toBe(0)
    const shop = await next.connect('shop')
    const { rows } = await shop.query(
      "SELECT count(*)::int AS rows, (SELECT tableowner FROM pg_tables WHERE tablename = 'orders') AS owner FROM orders",
    )
    await shop.end()
    expect(rows).toEqual([{ rows: 1000, owner: 'clerk' }])
    expect(await next.value('SHOW archive_command')).toContain(nextConfig)
    expect(await lab.json<unknown[]>(['--config', nextConfig, 'list'])).toHaveLength(1)
    await lab.ok(['verify'])
  } finally {
    byHand[Symbol.dispose]()
  }
})
