/** From the configuration of a repository to what policies are made for. Reads no secret. */
import { Fault } from '../../base/fault.ts'
import type { Config, RepositoryConfig } from '../../config/config.ts'
import type { BucketPlace, ServerSideEncryptionKind } from '../../policy/rights/bucket-place.ts'
import { lockDaysMax } from '../../policy/rights/lock-cap.ts'
import { retentionOf } from '../lock/lock-rules.ts'
import { placesOf } from './places.ts'

const kinds: Readonly<Record<string, BucketPlace['kind']>> = { 's3:': 's3', 'gs:': 'gs', 'az:': 'az' }

export function bucketPlaceOf(config: Config, name: string, repository: RepositoryConfig): BucketPlace {
  const url = URL.parse(repository.url)
  const kind = kinds[url?.protocol ?? '']
  if (!url || !kind) throw notABucket(name, repository.url)
  const folder = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '')
  const root = folder === '' ? '' : `${folder}/`
  return {
    kind,
    bucket: url.hostname,
    root,
    clusterRoot: `${root}${config.cluster}/`,
    places: placesOf(config.cluster),
    region: repository.region,
    endpoint: repository.endpoint,
    sealed: repository.encryption !== 'none',
    serverSideEncryption: serverSideEncryptionOf(repository),
    tags: Object.keys(repository.tags ?? {}).length > 0,
    lock: repository.lock?.mode,
    lockDaysMax: lockDaysMaxOf(config, name, repository),
    requesterPays: repository.requesterPays === true,
    conditional: repository.writeOnce === 'conditional',
  }
}

function lockDaysMaxOf(config: Config, name: string, { lock }: RepositoryConfig): number | undefined {
  if (!lock) return undefined
  const [first] = Object.keys(config.repositories)
  const archived = Object.values(config.archives)
    .filter(rule => (rule.repository ?? first) === name)
    .map(({ keep }) => keep)
  if (lock.keep !== 'policy') return lockDaysMax([{ withinMs: lock.keep }], undefined, archived)
  const { dumps = {}, snapshots = {}, walMs, ...backups } = retentionOf(config, name)
  return lockDaysMax([backups, snapshots, dumps], walMs, archived)
}

function serverSideEncryptionOf({
  serverSideEncryption: given,
}: RepositoryConfig): ServerSideEncryptionKind | undefined {
  if (given === undefined) return undefined
  if (given === 'server_key') return { kind: 'server-key' }
  if ('kmsKey' in given) return { kind: 'kms', keyId: given.kmsKey === 'default' ? undefined : given.kmsKey }
  return { kind: 'customer-key' }
}

function notABucket(name: string, url: string): Fault {
  return new Fault('USAGE', `repository ${name} is no object storage: ${url}`, {
    hint: 'Name one in object storage with --repository NAME; rights to a folder are given with chown and chmod.',
  })
}
