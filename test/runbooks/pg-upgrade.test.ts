/** The runbook for pg_upgrade, carried out to the letter: from PostgreSQL 15 to 18, in one repository. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { StatusReport } from '../../src/operations/status/status.ts'
import type { BackupRecord } from '../../src/repository/format/backup-record.ts'
import { followPage } from '../support/follow-page.ts'
import { describeRun } from '../support/holdfast.ts'
import { clientDirectory } from '../support/postgres-clients.ts'
import { makeRoot, serverOn } from '../support/postgres-server.ts'
import { openLab } from '../support/repository-lab.ts'
import { faultOf, restoreAndStart } from '../support/restored-server.ts'
import { serverByHand } from '../support/server-by-hand.ts'

test('both histories can be restored: the old one to its last moment, the new one from its first backup on', async () => {
  await using lab = await openLab({ major: 15, build: 'debian' })
  await lab.server.query('CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id')
  await using next = await serverOn(makeRoot(), { major: 18 })
  const nextConfig = lab.writeConfig('holdfast-18.yaml', {
    cluster: 'lab18',
    postgres: { connection: next.connectionString, bin_directory: next.binDirectory },
  })
  using byHand = serverByHand(next)
  const tools = clientDirectory(18)
  const { status, output } = await followPage(lab, 'docs/runbooks/pg-upgrade.md', {
    NEW: `host=${next.socketDirectory} port=${String(next.port)} user=postgres dbname=postgres`,
    OLDBIN: lab.server.binDirectory,
    OLDDATA: lab.server.dataDirectory,
    NEWBIN: tools,
    NEWDATA: next.dataDirectory,
    CONFIG: lab.configPath,
    NEXT: nextConfig,
    CREATE: `${tools}/initdb -D ${next.dataDirectory} -U postgres -A trust -E UTF8 --locale=C --data-checksums`,
    STOP: `${lab.server.binDirectory}/pg_ctl -D ${lab.server.dataDirectory} -m fast -w stop`,
    START: byHand.start,
    RESTART: `${byHand.stop} && ${byHand.start}`,
  })
  expect(status, output).toBe(0)
  expect(await next.value('SELECT count(*) FROM orders')).toBe('1000')
  expect(await next.value('SHOW archive_command')).toContain(nextConfig)
  expect(await lab.json<readonly BackupRecord[]>(['--config', nextConfig, 'list'])).toHaveLength(1)

  await refusesUnderOldName()
  await using old = await restoreAndStart(lab, [], { build: 'debian' })
  expect(await old.server.value('SELECT count(*) FROM orders')).toBe('1000')

  async function refusesUnderOldName(): Promise<void> {
    const mistaken = lab.writeConfig('mistaken.yaml', {
      postgres: { connection: next.connectionString, bin_directory: next.binDirectory },
    })
    const segment = await next.value('SELECT pg_walfile_name(pg_switch_wal())')
    const commands = [
      ['backup'],
      ['init', '--yes'],
      ['wal', 'push', join(next.dataDirectory, 'pg_wal', segment)],
    ]
    for (const command of commands) {
      const run = await lab.run(['--config', mistaken, ...command, '--json'])
      expect(run.status, describeRun(run)).toBe(15)
      expect(faultOf(run).hint, describeRun(run)).toContain('cluster name of its own')
    }
    const told = await lab.run(['--config', mistaken, 'status', '--json'])
    expect(told.status, describeRun(told)).toBe(2)
    const { findings, objectives } = JSON.parse(told.out) as StatusReport
    expect(findings).toContainEqual(
      expect.objectContaining({ code: 'other-cluster', state: 'critical', repository: 'main' }),
    )
    // What the new server does says nothing of what the old one would lose.
    expect(objectives.rpo.isUpperBound).toBe(true)
  }
})
