/** What somebody with stolen credentials does to a bucket, and the moment before it that a bucket with versions can tell. */
import {
  DeleteObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { until } from './until.ts'

/** Servers may tell the time of a version in whole seconds: one has to pass on either side. */
export async function momentBetweenVersions(): Promise<string> {
  const moment = Date.now() + 1_100
  await until('a second has passed', () => Date.now() > moment + 1_100)
  return new Date(moment).toISOString()
}

/** Every object is overwritten and then deleted; how many there were. */
export async function destroyAll(client: S3Client, bucket: string): Promise<number> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }))
  const keys = Contents.map(({ Key = '' }) => Key)
  for (const Key of keys) await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'pay us' }))
  await client.send(
    new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: keys.map(Key => ({ Key })) } }),
  )
  return keys.length
}
