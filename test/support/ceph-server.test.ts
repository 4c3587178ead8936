import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startCeph } from './ceph-server.ts'
import { describeWithCeph } from './describe-with-ceph.ts'

describeWithCeph(
  'a throw-away Ceph',
  server => {
    test('keeps what is put, through a gateway that is killed', async () => {
      const Bucket = await server().makeBucket()
      const client = server().client()
      await client.send(
        new PutObjectCommand({ Bucket, Key: 'a', Body: 'hello', StorageClass: 'STANDARD_IA' }),
      )
      await server().killGateway()
      await server().startGateway()
      const got = await client.send(new GetObjectCommand({ Bucket, Key: 'a' }))
      expect(await got.Body?.transformToString()).toBe('hello')
      expect(got.StorageClass).toBe('STANDARD_IA')
    })

    test('lets a user do nothing in the bucket of another', async () => {
      const Bucket = await server().makeBucket()
      const client = server().client(await server().makeUser())
      await expect(client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'x' }))).rejects.toThrow()
    })

    test('is gone when it is stopped', async () => {
      const other = await startCeph({ tls: true })
      await other.makeBucket({ objectLock: true })
      expect(other.certificate).toContain('BEGIN CERTIFICATE')
      await other.stop()
      expect(existsSync(other.root)).toBe(false)
    })
  },
  { storageClasses: ['STANDARD_IA'] },
)
