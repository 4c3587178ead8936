/** A bucket on moto's S3, which refuses to read what was not thawed, behind a proxy on which thawing takes time. */
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3'
import { startMoto } from './moto-server.ts'
import { openThawProxy, type ThawProxy } from './thaw-proxy.ts'

export const coldClass = 'DEEP_ARCHIVE'

export interface ColdBucket extends AsyncDisposable {
  readonly bucket: string
  readonly client: S3Client
  readonly proxy: ThawProxy
  /** Of a repository below `pg` in it, whose archive lies cold. */
  repository(encryption: unknown): Readonly<Record<string, unknown>>
  readonly keys: (prefix: string) => Promise<readonly string[]>
  /** As a rule of the bucket does with what is old. */
  freeze(prefix: string): Promise<void>
  remove(those: RegExp): Promise<void>
}

export async function openColdBucket(): Promise<ColdBucket> {
  const bucket = 'cold'
  const moto = await startMoto()
  const proxy = await openThawProxy(moto.endpoint)
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const client = new S3Client({
    endpoint: moto.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials,
  })
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  const keys = async (Prefix: string): Promise<readonly string[]> => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix }))
    return Contents.map(({ Key = '' }) => Key)
  }
  return {
    bucket,
    client,
    proxy,
    keys,
    repository: encryption => ({
      url: `s3://${bucket}/pg`,
      endpoint: proxy.url,
      region: 'us-east-1',
      path_style: true,
      credentials: { access_key_id: 'test', secret_access_key: 'test' },
      encryption,
      classes: { archive: coldClass },
    }),
    async freeze(prefix) {
      for (const Key of await keys(prefix)) {
        const CopySource = `${bucket}/${Key}`
        await client.send(new CopyObjectCommand({ Bucket: bucket, Key, CopySource, StorageClass: coldClass }))
      }
    },
    async remove(those) {
      const Objects = (await keys('pg/lab/')).filter(key => those.test(key)).map(Key => ({ Key }))
      await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }))
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      client.destroy()
      await moto.stop()
    },
  }
}
