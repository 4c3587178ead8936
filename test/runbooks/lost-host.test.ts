/** The runbook for a lost server, carried out to the letter, from the repository and what the recovery sheet says. */
import { copyFileSync, chownSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { followPage } from '../support/follow-page.ts'
import { serverUser } from '../support/postgres-binaries.ts'
import { openLab } from '../support/repository-lab.ts'
import { serverByHand } from '../support/server-by-hand.ts'

test('a lost server comes back with the last row archived, and is backed up again', async () => {
  await using lab = await openLab({ major: 15, build: 'debian' })
  using byHand = serverByHand(lab.server)
  await lab.server.query('CREATE TABLE t AS SELECT generate_series(1, 1000) AS id')
  const { id } = await lab.backup()
  await lab.server.query('INSERT INTO t VALUES (1001)')
  await lab.archiveAll()

  const { dataDirectory, root, connectionString } = lab.server
  const sheet = join(root, 'from-the-sheet.txt')
  copyFileSync(lab.identityPath, sheet)
  const { uid, gid } = serverUser()
  chownSync(sheet, uid, gid)
  const { encryption } = lab.config.repositories['main'] as { encryption: { recipients: string[] } }
  await lab.server.stop('immediate')
  for (const lost of [dataDirectory, lab.configPath, lab.identityPath]) rmSync(lost, { recursive: true })

  const { status, output } = await followPage(lab, 'docs/runbooks/restore-a-lost-server.md', {
    CONFIG: lab.configPath,
    IDENTITY: sheet,
    CLUSTER: lab.cluster,
    REPOSITORY: `file://${lab.repositoryDirectory}`,
    RECIPIENT: encryption.recipients[0] ?? '',
    CONNECTION: connectionString,
    DATA: dataDirectory,
    STOP: byHand.stop,
    START: byHand.start,
  })
  expect(status, output).toBe(0)
  expect(await lab.server.value('SELECT count(*) FROM t'), output).toBe('1001')
  const ids = (await lab.json<{ id: string; timeline: number }[]>(['list'])).map(backup => backup.id)
  expect(ids).toHaveLength(2)
  expect(ids[0]).toBe(id)
  await lab.archiveAll()
})
