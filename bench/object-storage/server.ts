/** The S3 server of the bench: a throw-away Ceph that speaks TLS, the same for both tools, each in a bucket of its own. */
import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import { setTimeout as delay } from 'node:timers/promises'
import { join } from 'node:path'
import { GiB } from '../../src/base/units.ts'
import { startCeph, type CephServer } from '../../test/support/ceph-server.ts'
import type { TreeSize } from '../disk.ts'
import { RequestLog } from './requests.ts'

export interface BenchServer extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** PEM. */
  readonly certificate: string
  makeBucket(): Promise<string>
  /** With all that is in it, and the memory that it took. */
  removeBucket(bucket: string): Promise<void>
  sizeOf(bucket: string, prefix: string): Promise<TreeSize>
  /** All that the bucket has been asked so far. */
  requestsOf(bucket: string): Promise<number>
}

export async function startBenchServer(): Promise<BenchServer> {
  const ceph = await startCeph({ tls: true, sizeBytesMax: 8 * GiB })
  const { hostname, port } = new URL(ceph.endpoint)
  const { region, accessKeyId, secretAccessKey, certificate } = ceph
  if (certificate === undefined) throw new Error('the server speaks TLS')
  const client = ceph.client()
  const log = new RequestLog(join(ceph.root, 'log/client.rgw.log'))
  return {
    host: hostname,
    port: Number(port),
    region,
    accessKeyId,
    secretAccessKey,
    certificate,
    makeBucket: () => ceph.makeBucket(),
    removeBucket: bucket => removeBucket(ceph, bucket),
    sizeOf: (bucket, prefix) => sizeOf(client, bucket, prefix),
    async requestsOf(bucket) {
      await delay(logDelayMs)
      return log.countOf(bucket)
    },
    [Symbol.asyncDispose]: () => ceph.stop(),
  }
}

/** radosgw writes its log in a thread of its own, soon after the answer. */
const logDelayMs = 300

async function removeBucket(ceph: CephServer, bucket: string): Promise<void> {
  await ceph.admin('bucket', 'rm', '--bucket', bucket, '--purge-objects', '--bypass-gc')
}

async function sizeOf(client: S3Client, bucket: string, prefix: string): Promise<TreeSize> {
  let [files, sizeBytes] = [0, 0]
  let token: string | undefined
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }),
    )
    for (const { Size = 0 } of page.Contents ?? []) {
      files++
      sizeBytes += Size
    }
    token = page.NextContinuationToken
  } while (token !== undefined)
  return { files, sizeBytes }
}
