/** Other people's programs judge what comes back: PostgreSQL's own checks of files, tables and indexes. */
import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectPgbenchConsistent, initPgbench, startPgbench } from './support/pgbench.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { restore, restoreAndStart } from './support/restored-server.ts'
import { findClientTool, requireTool } from './support/tools.ts'

let lab: Lab

beforeAll(async () => {
  lab = await openLab({ major: 15, build: 'debian' })
  initPgbench(lab.server, 2)
  await lab.server.query(
    'CREATE TABLE many AS SELECT n, md5(n::text) AS text FROM generate_series(1, 20000) n',
  )
  await lab.server.query('CREATE INDEX ON many (text); CREATE INDEX ON many USING gin ((ARRAY[text]))')
  await using bench = startPgbench(lab.server, 500)
  await lab.backup()
  await bench.stop()
  await lab.archiveAll()
})

afterAll(() => lab[Symbol.asyncDispose]())

test('pg_verifybackup finds every file of a restored directory as it was backed up', async () => {
  await using restored = await restore(lab, [], { build: 'debian' })
  const said = execFileSync(tool('pg_verifybackup'), ['-n', restored.server.dataDirectory], {
    encoding: 'utf8',
  })
  expect(said).toContain('backup successfully verified')
})

test('pg_amcheck finds every table and index of a restored server sound', async () => {
  await using restored = await restoreAndStart(lab, [], { build: 'debian' })
  const { server } = restored
  const address = ['-h', server.socketDirectory, '-p', String(server.port), '-U', 'postgres']
  // Silent, and status 0, when there is nothing to say.
  const args = ['--install-missing', '--heapallindexed', '--parent-check', '--all', ...address]
  expect(execFileSync(tool('pg_amcheck'), args, { encoding: 'utf8' })).toBe('')
  await expectPgbenchConsistent(server, 'the latest point')
})

test('pg_controldata finds a server that was shut down cleanly on a timeline of its own', async () => {
  await using restored = await restoreAndStart(lab, [], { build: 'debian' })
  const { server } = restored
  await server.stop()
  const state = execFileSync(tool('pg_controldata'), [server.dataDirectory], { encoding: 'utf8' })
  expect(state).toMatch(/Database cluster state:\s+shut down\n/)
  expect(state).toMatch(/Latest checkpoint's TimeLineID:\s+2\n/)
})

const tool = (name: 'pg_verifybackup' | 'pg_amcheck' | 'pg_controldata'): string =>
  requireTool(findClientTool(name, 15))
