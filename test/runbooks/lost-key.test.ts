/** The runbook for a lost key, carried out to the letter: a new key in the old repository, then a new repository. */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { followPage } from '../support/follow-page.ts'
import { makeOwned } from '../support/postgres-server.ts'
import { openLab } from '../support/repository-lab.ts'
import { restoreAndStart } from '../support/restored-server.ts'

test('after the loss of the key everything is sealed to a new one, and restored with it', async () => {
  await using lab = await openLab({ major: 15, build: 'debian' })
  await lab.server.query('CREATE TABLE t AS SELECT generate_series(1, 1000) AS id')
  await lab.backup()
  rmSync(lab.identityPath)

  const other = join(lab.server.root, 'repository-2')
  makeOwned(other)
  const { status, output } = await followPage(lab, 'docs/runbooks/key-lost-or-leaked.md', {
    FOLDER: lab.server.root,
    CLUSTER: lab.cluster,
    REPOSITORY: `file://${lab.repositoryDirectory}`,
    CONNECTION: lab.server.connectionString,
    NEW: `file://${other}`,
  })
  expect(status, output).toBe(0)
  expect(output).toMatch(/recovery sheet/i)
  expect(readdirSync(lab.server.root)).toContain('holdfast-old.yaml')
  expect(await lab.json<unknown[]>(['list'])).toHaveLength(1)

  await lab.server.query('INSERT INTO t VALUES (1001)')
  await lab.archiveAll()
  await using restored = await restoreAndStart(lab, [], { build: 'debian' })
  expect(await restored.server.value('SELECT count(*) FROM t')).toBe('1001')
})
