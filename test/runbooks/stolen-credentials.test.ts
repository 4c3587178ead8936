/**
 * The runbook for stolen credentials, carried out to the letter: somebody with all rights to a bucket that keeps versions has
 * overwritten and deleted everything, and left a rule behind that is to take the versions, too. A restorer reads it as it was;
 * the server goes on in a new bucket, with the rights of a writer alone.
 */
import {
  GetBucketLifecycleConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Finding } from '../../src/operations/doctor/finding.ts'
import { destroyAll, momentBetweenVersions } from '../support/bucket-crime.ts'
import type { CephServer, CephUser } from '../support/ceph-server.ts'
import { describeWithCeph } from '../support/describe-with-ceph.ts'
import { followPage } from '../support/follow-page.ts'
import { jsonOf } from '../support/holdfast.ts'
import { makeOwned, makeRoot, serverOn } from '../support/postgres-server.ts'
import { openLab, type Lab } from '../support/repository-lab.ts'
import { aws, printed, repositoryOf, writePolicyConfig } from '../support/role-users.ts'
import { serverByHand } from '../support/server-by-hand.ts'
import { until } from '../support/until.ts'

describeWithCeph('somebody has the credentials of a bucket', server => {
  test('has destroyed nothing: it is read as it was before, and the server goes on in a clean place', async () => {
    const ceph = server()
    await ceph.admin('caps', 'add', '--uid', 'owner', '--caps', 'user-policy=*')
    const [bucket, clean] = [
      await ceph.makeBucket({ versioned: true }),
      await ceph.makeBucket({ versioned: true }),
    ]
    const writer = await ceph.makeUser({ uid: 'writer' })
    const repositories =
      (at: string, user: Keys, rest: object = {}) =>
      (encryption: unknown): Readonly<Record<string, Readonly<Record<string, unknown>>>> => ({
        main: { ...repositoryOf(ceph, at, user, rest), encryption },
      })
    // This Ceph does not refuse a second write in a bucket with versions.
    const check = { write_once: 'check' }
    await using lab = await openLab({
      major: 15,
      build: 'debian',
      repositories: repositories(bucket, ceph, check),
    })
    const { encryption } = lab.config.repositories['main'] ?? {}
    const restorer = await makeRestorer(ceph, bucket)
    const look = lab.writeConfig('restorer.yaml', {
      repositories: repositories(bucket, restorer, { ...check, rights: 'restorer' })(encryption),
    })
    const next = lab.writeConfig('next.yaml', {
      repositories: repositories(clean, writer, { ...check, rights: 'writer' })(encryption),
    })
    await lab.server.query('CREATE TABLE t AS SELECT generate_series(1, 1000) AS id')
    await lab.backup()
    await lab.server.query('INSERT INTO t VALUES (1001)')
    await lab.archiveAll()
    const before = await momentBetweenVersions()
    await commitCrime(ceph.client(), bucket)
    await lab.server.query('INSERT INTO t VALUES (1002)')

    writeAwsKeys(lab, ceph)
    await using restored = await serverOn(makeRoot(), { major: 15, build: 'debian' })
    using byHand = serverByHand(restored)
    const { status, output } = await followPage(lab, 'docs/runbooks/stolen-credentials.md', {
      AWS: `/usr/bin/aws --endpoint-url ${ceph.endpoint} --region ${ceph.region}`,
      BUCKET: bucket,
      CONFIG: lab.configPath,
      LOOK: look,
      NEXT: next,
      BEFORE: before,
      DATA: restored.dataDirectory,
      START: byHand.start,
      WRITER: writer.uid,
    })
    expect(status, output).toBe(0)

    await until(
      'it has replayed',
      async () => (await restored.value('SELECT pg_is_in_recovery()')) === 'false',
    )
    expect(await restored.value('SELECT count(*) FROM t'), output).toBe('1001')
    expect(await rulesOf(ceph.client(), bucket), 'no rule takes versions').not.toContain('Noncurrent')
    const { findings } = jsonOf<Doctored>(await lab.run(['doctor', '--json']))
    expect(findings.filter(({ area, state }) => area === 'rights' && state === 'problem')).toEqual([])
    expect(await lab.json<unknown[]>(['list'])).toHaveLength(1)
    expect(await lab.server.value('SELECT count(*) FROM t')).toBe('1002')
  })
})

interface Doctored {
  readonly findings: readonly Finding[]
}

type Keys = Pick<CephUser, 'accessKeyId' | 'secretAccessKey'>

/** With exactly the policy that is printed for the role. */
async function makeRestorer(ceph: CephServer, bucket: string): Promise<CephUser> {
  const user = await ceph.makeUser({ uid: 'restorer' })
  const policy = await printed(writePolicyConfig(ceph, bucket), 'iam', '--role', 'restorer')
  const words = ['--user-name', 'restorer', '--policy-name', 'x', '--policy-document', 'file:///dev/stdin']
  aws(ceph, policy, 'iam', 'put-user-policy', ...words)
  return user
}

/** Where the vendor's program looks for them: in the home of who carries the page out. */
function writeAwsKeys(lab: Lab, { accessKeyId, secretAccessKey }: Keys): void {
  makeOwned(join(lab.server.root, '.aws'))
  lab.write(
    join(lab.server.root, '.aws', 'credentials'),
    `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
  )
}

/** Everything is gone by today, and the older versions are to go tomorrow. */
async function commitCrime(client: S3Client, bucket: string): Promise<void> {
  await destroyAll(client, bucket)
  const NoncurrentVersionExpiration = { NoncurrentDays: 1 }
  const rule = { ID: 'gone', Status: 'Enabled', Filter: { Prefix: '' }, NoncurrentVersionExpiration } as const
  await client.send(
    new PutBucketLifecycleConfigurationCommand({
      Bucket: bucket,
      LifecycleConfiguration: { Rules: [rule] },
    }),
  )
}

async function rulesOf(client: S3Client, bucket: string): Promise<string> {
  const { Rules } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }))
  return JSON.stringify(Rules)
}
