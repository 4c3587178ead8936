/** What the printed policies and rules do to buckets with versions, locks and unfinished uploads, on a server that heeds them. */
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { beforeAll, expect, test } from 'vitest'
import { systemWorld } from '../src/base/world.ts'
import { roles, type Role } from '../src/policy/rights/roles.ts'
import { openStorage } from '../src/storage/open.ts'
import { bodyOf, type Retention, type Storage } from '../src/storage/storage.ts'
import { describeWithCeph } from './support/describe-with-ceph.ts'
import {
  aws,
  grant,
  makeUsers,
  outcome,
  printed,
  writePolicyConfig,
  type Users,
} from './support/role-users.ts'
import { until } from './support/until.ts'

const world = systemWorld()
const { signal } = new AbortController()

describeWithCeph(
  'a bucket under the printed policies',
  server => {
    let users: Users
    beforeAll(async () => {
      users = await makeUsers(server())
    })

    test('in a bucket with versions nobody destroys: what is overwritten stays, and only the restorer reads it', async () => {
      const ceph = server()
      const bucket = await ceph.makeBucket({ versioned: true })
      await grant(ceph, writePolicyConfig(ceph, bucket, { write_once: 'check' }), bucket)
      const Key = 'pg/lab/backups/20260301T020000Z-full/data/00001.tar.zst'
      const write = (Body: string): Promise<unknown> =>
        ceph.client(users.writer).send(new PutObjectCommand({ Bucket: bucket, Key, Body }))
      await write('what was backed up')
      await write('what a thief writes')
      const { Versions = [] } = await ceph.client().send(new ListObjectVersionsCommand({ Bucket: bucket }))
      const old = Versions.find(({ IsLatest }) => IsLatest !== true)?.VersionId
      const read = async (role: Role): Promise<string> => {
        const command = new GetObjectCommand({ Bucket: bucket, Key, VersionId: old })
        const { Body } = await ceph.client(users[role]).send(command)
        return (await Body?.transformToString()) ?? ''
      }
      expect(await read('restorer')).toBe('what was backed up')
      for (const role of ['writer', 'keeper', 'auditor'] as const)
        expect(await outcome(() => read(role))).toBe('AccessDenied')
      for (const role of roles) {
        const command = new DeleteObjectCommand({ Bucket: bucket, Key, VersionId: old })
        expect(await outcome(() => ceph.client(users[role]).send(command)), role).toBe('AccessDenied')
      }
    })

    test('in a bucket with locks the writer locks, the keeper extends, and nobody lifts', async () => {
      const ceph = server()
      const bucket = await ceph.makeBucket({ objectLock: true })
      const rest = { write_once: 'check', lock: { mode: 'governance', keep: 'policy' } }
      await grant(ceph, writePolicyConfig(ceph, bucket, rest), bucket)
      const open = (role: Role): Promise<Storage> => {
        const { url, access } = ceph.description(bucket, 'pg', users[role])
        return openStorage({ url, access: { ...access, writeOnce: 'check' } }, world)
      }
      const key = 'lab/backups/20260301T020000Z-full/data/00001.tar.zst'
      const inSeconds = (seconds: number): Retention => ({
        mode: 'governance',
        untilMs: world.clock.now() + seconds * 1000,
      })
      const writer = await open('writer')
      await writer.put(key, bodyOf(Buffer.from('a pack')), signal)
      await writer.retain(key, inSeconds(60), signal)
      await writer.close()
      const keeper = await open('keeper')
      await keeper.retain(key, inSeconds(120), signal)
      await keeper.close()
      const restorer = await open('restorer')
      await expect(restorer.retain(key, inSeconds(180), signal)).rejects.toMatchObject({
        code: 'STORAGE_DENIED',
      })
      await restorer.close()
      const { Versions = [] } = await ceph.client().send(new ListObjectVersionsCommand({ Bucket: bucket }))
      const VersionId = Versions[0]?.VersionId
      for (const role of roles) {
        const bypass = { Bucket: bucket, Key: `pg/${key}`, VersionId, BypassGovernanceRetention: true }
        const client = ceph.client(users[role])
        expect(await outcome(() => client.send(new DeleteObjectCommand(bypass))), role).toBe('AccessDenied')
      }
    })

    test('lifecycle rules are accepted, give up an unfinished upload, and leave every object', async () => {
      const ceph = server()
      const bucket = await ceph.makeBucket()
      const client = ceph.client()
      const object = { Bucket: bucket, Key: 'pg/lab/backups/20260301T020000Z-full/data/00001.tar.zst' }
      await client.send(new PutObjectCommand({ ...object, Body: 'a pack' }))
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'pg/.claims/ab/1', Body: 'a claim' }))
      const { UploadId } = await client.send(new CreateMultipartUploadCommand(object))
      await client.send(new UploadPartCommand({ ...object, UploadId, PartNumber: 1, Body: 'a part' }))
      const config = writePolicyConfig(ceph, bucket)
      const rules = await printed(config, 'lifecycle', '--uploads-after', '1d', '--versions-after', '30d')
      aws(
        ceph,
        rules,
        's3api',
        'put-bucket-lifecycle-configuration',
        '--bucket',
        bucket,
        '--lifecycle-configuration',
        'file:///dev/stdin',
      )
      await until('the upload is given up', async () => {
        const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
        return Uploads.length === 0
      })
      await until('the claim is gone', async () => {
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }))
        return Contents.map(({ Key }) => Key).join(' ') === object.Key
      })
    })

    test('the policy of a bucket is accepted, and refuses what it should', async () => {
      const ceph = server()
      const bucket = await ceph.makeBucket()
      const writer = await ceph.makeUser()
      const config = writePolicyConfig(ceph, bucket)
      const principal = `writer=arn:aws:iam:::user/${writer.uid}`
      const policy = await printed(config, 'bucket', '--principal', principal)
      aws(ceph, policy, 's3api', 'put-bucket-policy', '--bucket', bucket, '--policy', 'file:///dev/stdin')
      const Key = 'pg/lab/backups/20260301T020000Z-full/data/00001.tar.zst'
      const client = ceph.client(writer)
      const object = { Bucket: bucket, Key }
      expect(await outcome(() => client.send(new PutObjectCommand({ ...object, Body: 'x' })))).toBe('done')
      expect(await outcome(() => client.send(new GetObjectCommand(object)))).toBe('AccessDenied')
      expect(await outcome(() => client.send(new DeleteObjectCommand(object)))).toBe('AccessDenied')
      const elsewhere = { Bucket: bucket, Key: 'elsewhere', Body: 'x' }
      expect(await outcome(() => client.send(new PutObjectCommand(elsewhere)))).toBe('AccessDenied')
    })
  },
  { gatewayConf: ['rgw lc debug interval = 2'] },
)
