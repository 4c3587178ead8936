/** From what the configuration says of a repository to all that is needed to open its storage. */
import { dirname } from 'node:path'
import { assert } from '../base/assert.ts'
import type { LoadedConfig, RepositoryConfig } from '../config/config.ts'
import { readSecret } from '../config/secret-source.ts'
import { cloudAccessOf, proxiesOf, type Environment, type Read } from './cloud-access.ts'
import type { ObjectStorageAccess, ServerSideEncryption, StorageDescription } from '../storage/open.ts'
import { lockRulesOf } from './lock/lock-rules.ts'
import { storageRules } from './storage-rules.ts'
import { withAzureEnvironment } from './azure-environment.ts'

/** Reads the secrets that opening needs, and no others: not the key of the encryption. */
export async function describeStorage(
  { config, path }: LoadedConfig,
  name: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<StorageDescription> {
  const repository = config.repositories[name]
  assert(repository !== undefined, `${name} is a repository of the configuration`)
  const { url } = repository
  if (url.startsWith('file:')) return { url }
  const folder = dirname(path)
  const read: Read = async (source, key) =>
    (await readSecret(source, `repositories.${name}.${key}`, { environment, folder }, signal)).reveal().trim()
  const access = await accessOf(repository, name, folder, read)
  return {
    url,
    access: withEnvironment(url, access, environment),
    rules: storageRules(repository, lockRulesOf(config, name)),
  }
}

function withEnvironment(
  url: string,
  access: ObjectStorageAccess,
  environment: Environment,
): ObjectStorageAccess {
  if (url.startsWith('az:')) return withAzureEnvironment(access, environment)
  return url.startsWith('s3:') ? { ...access, proxies: proxiesOf(environment) } : access
}

async function accessOf(
  repository: RepositoryConfig,
  name: string,
  folder: string,
  read: Read,
): Promise<ObjectStorageAccess> {
  const { pathStyle, requesterPays, writeOnce } = repository
  return {
    ...(await cloudAccessOf(repository, `repositories.${name}`, folder, read)),
    pathStyle,
    requesterPays,
    writeOnce,
    serverSideEncryption: await serverSideEncryptionOf(repository, read),
  }
}

async function serverSideEncryptionOf(
  { serverSideEncryption: given }: RepositoryConfig,
  read: Read,
): Promise<ServerSideEncryption | undefined> {
  if (given === undefined) return undefined
  if (given === 'server_key') return { kind: 'server-key' }
  if ('kmsKey' in given) return { kind: 'kms', keyId: given.kmsKey === 'default' ? undefined : given.kmsKey }
  return {
    kind: 'customer-key',
    keyBase64: await read(given.customerKey, 'server_side_encryption.customer_key'),
  }
}
