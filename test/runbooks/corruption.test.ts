/** The runbook for damage, carried out to the letter: a damaged repository, and a damaged table of the server. */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { flipByte, inflict } from '../support/damage.ts'
import { followPage } from '../support/follow-page.ts'
import { makeOwned } from '../support/postgres-server.ts'
import { openLab } from '../support/repository-lab.ts'

test('a damaged pack comes from the copy, a damaged table from the last good backup and its WAL', async () => {
  await using lab = await openLab({ major: 15, build: 'debian', checksums: true })
  const second = join(lab.server.root, 'second')
  makeOwned(second)
  const main = lab.config.repositories['main']
  const copy = { ...main, url: `file://${second}`, copy_of: 'main' }
  lab.writeConfig('holdfast.yaml', { repositories: { main, second: copy } })
  await lab.ok(['init', '--yes'])

  await lab.server.query(
    'CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS word FROM generate_series(1, 5000) n',
  )
  const good = await lab.backup()
  await lab.server.query('INSERT INTO orders SELECT n, md5(n::text) FROM generate_series(5001, 6000) n')
  await lab.archiveAll()
  await lab.ok(['copy'])

  const file = await lab.server.value("SELECT pg_relation_filepath('orders')")
  await lab.server.query('CHECKPOINT')
  await lab.server.stop('fast')
  flipByte(join(lab.server.dataDirectory, file), 3 * 8192 + 4000)
  await lab.server.start()
  await expect(lab.server.query('SELECT count(*) FROM orders')).rejects.toThrow(/invalid page in block 3/)
  const bad = await lab.run(['backup', '--json'])
  expect(bad.status).not.toBe(0)
  inflict('flip in the middle', join(lab.repositoryDirectory, packOf(lab.repositoryDirectory, good.id)))

  const { status, output } = await followPage(lab, 'docs/runbooks/corruption.md', {
    DATABASE: 'postgres',
    FILE: file.split('/').at(-1) ?? '',
    SCHEMA: 'public',
    TABLE: 'orders',
    GOOD: good.id,
  })
  expect(status, output).toBe(0)
  expect(output).toMatch(/^r\|orders\|$/m)
  const sum = await lab.server.value("SELECT count(*) || md5(string_agg(word, '' ORDER BY id)) FROM orders")
  const expected = await lab.server.value(
    "SELECT count(*) || md5(string_agg(md5(n::text), '' ORDER BY n)) FROM generate_series(1, 6000) n",
  )
  expect(sum, output).toBe(expected)
  const newest = (await lab.json<{ checks: { pagesCorrupt: number } }[]>(['list'])).at(-1)
  expect(newest?.checks.pagesCorrupt).toBe(0)
})

function packOf(repository: string, id: string): string {
  const [pack] = globSync(`**/${id}/data/*`, { cwd: repository }).sort()
  if (pack === undefined) throw new Error(`${id} has no pack`)
  return pack
}
