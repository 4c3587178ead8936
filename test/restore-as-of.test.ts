/**
 * A crime with stolen credentials: everything in the bucket is overwritten and then deleted. The bucket keeps versions, so a
 * restore as of a time before brings the server back.
 */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { destroyAll, momentBetweenVersions } from './support/bucket-crime.ts'
import type { CephServer } from './support/ceph-server.ts'
import { describeWithCeph } from './support/describe-with-ceph.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import { openLab, readText, type Lab } from './support/repository-lab.ts'
import { restoreAndStart } from './support/restored-server.ts'

const build = 'debian'

describeWithCeph('everything in a bucket overwritten and deleted', server => {
  let lab: Lab
  let backup: BackupRecord
  let segment = ''
  let before = ''

  beforeAll(async () => {
    const ceph = server()
    const bucket = await ceph.makeBucket({ versioned: true })
    lab = await openLab({
      major: 15,
      build,
      repositories: encryption => ({ main: { ...accessTo(ceph, bucket), encryption } }),
    })
    await lab.server.query('CREATE TABLE t (n int); INSERT INTO t VALUES (1)')
    backup = await lab.backup()
    await lab.server.query('INSERT INTO t VALUES (2)')
    segment = await lab.server.value('SELECT pg_walfile_name(pg_current_wal_lsn())')
    await lab.archiveAll()
    lab.server.configure({ archive_mode: 'off' })
    await lab.server.restart()
    before = await momentBetweenVersions()
    expect(await destroyAll(ceph.client(), bucket)).toBeGreaterThan(5)
  })

  afterAll(() => lab[Symbol.asyncDispose]())

  test('leaves nothing that can be read today, and that is said', async () => {
    const run = await lab.run(['list'])
    expect(run.status, describeRun(run)).toBe(10)
    expect(run.err).toContain('--as-of TIME')
  })

  test('is undone by a restore as of a moment before: the server comes up with its data', async () => {
    await using restored = await restoreAndStart(lab, ['--as-of', before], { build })
    expect(await restored.server.value('SELECT count(*) FROM t')).toBe('2')
    const settings = readText(join(restored.server.dataDirectory, 'postgresql.auto.conf'))
    expect(settings).toMatch(/wal get .*--as-of \d{4}-\d\d-\d\dT/)
  })

  test('does not hide what was there then from list, show, wal status, wal get and verify', async () => {
    const list = jsonOf<readonly BackupRecord[]>(await lab.ok(['list', '--json', '--as-of', before]))
    expect(list.map(({ id }) => id)).toEqual([backup.id])
    expect((await lab.ok(['show', backup.id, '--as-of', before])).out).toContain(backup.stopLsn)
    expect((await lab.ok(['wal', 'status', '--as-of', before])).out).toContain('What can be restored')
    const destination = join(lab.server.root, 'fetched')
    await lab.ok(['wal', 'get', '--as-of', before, segment, destination])
    const unknown = await lab.run(['wal', 'get', '--as-of', before, '0000000100000000000000F0', destination])
    expect(unknown.status, describeRun(unknown)).toBe(1)
    const verify = await lab.ok(['verify', '--as-of', before])
    expect(verify.out).toContain('everything is as it was written')
  })

  test('can not be undone by a moment before there was anything', async () => {
    const run = await lab.run(['list', '--as-of', '2020-01-01 00:00:00+00:00'])
    expect(run.status, describeRun(run)).toBe(10)
  })
})

function accessTo(ceph: CephServer, bucket: string): Readonly<Record<string, unknown>> {
  const { endpoint, region, accessKeyId, secretAccessKey } = ceph
  return {
    url: `s3://${bucket}/pg`,
    endpoint,
    region,
    path_style: true,
    // This Ceph does not refuse a second write in a bucket with versions; a repository that does loses nothing here either.
    write_once: 'check',
    credentials: { access_key_id: accessKeyId, secret_access_key: secretAccessKey },
  }
}
