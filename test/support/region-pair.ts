/** A laboratory with two regions, each an S3 server (Ceph) of its own and reached without a proxy, so that one can really be lost. */
import { ListMultipartUploadsCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import { startCeph, type CephServer } from './ceph-server.ts'
import { openLab, type Lab, type LabOptions } from './repository-lab.ts'

export type RegionName = 'main' | 'second'

export interface OwnRegion {
  readonly ceph: CephServer
  /** Whether a pack is being sent to it. */
  takesPack(): Promise<boolean>
  /** Whether a backup of this id, or any at all, is committed in it. */
  hasBackup(id?: string): Promise<boolean>
}

export interface RegionPair extends AsyncDisposable {
  readonly lab: Lab
  readonly regions: Readonly<Record<RegionName, OwnRegion>>
}

export async function openRegionPair(options: LabOptions): Promise<RegionPair> {
  await using stack = new AsyncDisposableStack()
  const [one, other] = await Promise.all([startCeph(), startCeph()])
  const servers = { main: stack.use(one), second: stack.use(other) }
  const buckets = { main: await one.makeBucket(), second: await other.makeBucket() }
  const place = (name: RegionName, encryption: unknown): Readonly<Record<string, unknown>> => {
    const { endpoint, region, accessKeyId, secretAccessKey } = servers[name]
    const credentials = { access_key_id: accessKeyId, secret_access_key: secretAccessKey }
    return { url: `s3://${buckets[name]}/pg`, endpoint, region, credentials, encryption }
  }
  const repositories = (encryption: unknown): Record<RegionName, Readonly<Record<string, unknown>>> => ({
    main: place('main', encryption),
    second: place('second', encryption),
  })
  const lab = stack.use(await openLab({ ...options, repositories }))
  const regionOf = (name: RegionName): OwnRegion => openRegion(servers[name], buckets[name])
  const held = stack.move()
  return {
    lab,
    regions: { main: regionOf('main'), second: regionOf('second') },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

function openRegion(ceph: CephServer, bucket: string): OwnRegion {
  const client: S3Client = ceph.client()
  return {
    ceph,
    async takesPack() {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
      return Uploads.some(({ Key = '' }) => Key.includes('/data/'))
    },
    async hasBackup(id = '') {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }))
      return Contents.some(({ Key = '' }) => Key.endsWith('/backup.json') && Key.includes(id))
    },
  }
}
