/** The whole way, with a server: what `backup` and `wal push` leave in a bucket with locks is out of anybody's reach. */
import { DeleteObjectCommand, GetObjectRetentionCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { day, minute } from '../src/base/units.ts'
import type { LockReport } from '../src/operations/lock/lock-report.ts'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeWithCeph } from './support/describe-with-ceph.ts'
import { openLab } from './support/repository-lab.ts'

describeWithCeph('a backup into a bucket with locks', server => {
  test('is locked by the rules of retention when the command returns, with the WAL that it needs', async () => {
    const bucket = await server().makeBucket({ objectLock: true })
    const { endpoint, region, accessKeyId, secretAccessKey } = server()
    const repositories = (encryption: unknown) => ({
      main: {
        url: `s3://${bucket}/pg`,
        endpoint,
        region,
        path_style: true,
        credentials: { access_key_id: accessKeyId, secret_access_key: secretAccessKey },
        encryption,
        // Ceph 16 forgets conditions in buckets that keep versions.
        write_once: 'check',
        lock: { mode: 'compliance', keep: 'policy' },
      },
    })
    const retention = { backups: { within: '3d' }, wal: '2d' }
    await using lab = await openLab({ major: 17, repositories, config: { retention, workers: 2 } })
    await lab.server.query('CREATE TABLE accounts AS SELECT generate_series(1, 1000) AS id')
    const backup = await lab.backup()
    await lab.server.query('INSERT INTO accounts VALUES (0)')
    await lab.archiveAll()

    const client = server().client()
    const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }))
    const lockOf = async (Key: string, VersionId: string): Promise<number | undefined> => {
      const answer = await client.send(new GetObjectRetentionCommand({ Bucket: bucket, Key, VersionId }))
      return answer.Retention?.RetainUntilDate?.getTime()
    }
    const endedMs = Date.parse(backup.endedAt)
    for (const { Key = '', VersionId = '' } of Versions) {
      const isOfBackup = Key.includes('/backups/')
      const isWal = Key.includes('/wal/')
      if (!isOfBackup && !isWal) continue
      const until = await lockOf(Key, VersionId)
      // What was written before the backup ended has its first lock from then on: within the slack of a tenth.
      const wanted = isOfBackup || neededBy(backup, Key) ? endedMs + 3 * day : endedMs + 2 * day - 10 * minute
      expect(until, Key).toBeGreaterThan(wanted - 5 * minute)
      const destroyed = client.send(new DeleteObjectCommand({ Bucket: bucket, Key, VersionId }))
      await expect(destroyed, Key).rejects.toMatchObject({ name: 'AccessDenied' })
    }
    expect(Versions.filter(({ Key = '' }) => Key.includes('/wal/')).length).toBeGreaterThan(2)
    // Leases come and go, and are no use to a thief.
    const [lease] = Versions.filter(({ Key = '' }) => Key.includes('/leases/'))
    await client.send(
      new DeleteObjectCommand({ Bucket: bucket, Key: lease?.Key, VersionId: lease?.VersionId }),
    )

    const [report] = await lab.json<readonly LockReport[]>(['lock', '--dry-run'])
    expect(report?.backups).toMatchObject([{ name: backup.id, reason: 'younger than 3d 00h' }])
    expect(await lab.json<readonly BackupRecord[]>(['list'])).toMatchObject([{ id: backup.id }])
  })
})

/** Segments: the `.backup` file beside them is archived when the backup is done, and nobody needs it. */
function neededBy({ startWal, stopWal }: BackupRecord, key: string): boolean {
  const name = /([0-9A-F]{24})\.zst[^/]*$/.exec(key)?.[1] ?? ''
  return startWal <= name && name <= stopWal
}
