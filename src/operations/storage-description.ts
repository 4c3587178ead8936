/** From what the configuration says of a repository to all that is needed to open its storage. */
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { assert } from '../base/assert.ts'
import { Fault, messageOf } from '../base/fault.ts'
import type { LoadedConfig, RepositoryConfig } from '../config/config.ts'
import { readSecret, secretFilePath, type SecretSource } from '../config/secret-source.ts'
import type {
  ObjectStorageAccess,
  ObjectStorageCredentials,
  Proxies,
  ServerSideEncryption,
  StorageDescription,
} from '../storage/open.ts'
import { lockRulesOf } from './lock/lock-rules.ts'
import { storageRules } from './storage-rules.ts'
import { withAzureEnvironment } from './azure-environment.ts'

export type Environment = Readonly<Record<string, string | undefined>>
type Read = (source: SecretSource, key: string) => Promise<string>

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

/** In lower case first, as other programs do: `HTTP_PROXY` can be set from outside where a program is called by a web server. */
function proxiesOf(environment: Environment): Proxies | undefined {
  const of = (name: string): string | undefined => environment[name] ?? environment[name.toUpperCase()]
  const [http, https, without] = [of('http_proxy'), of('https_proxy'), of('no_proxy')]
  return http === undefined && https === undefined ? undefined : { http, https, without }
}

async function accessOf(
  repository: RepositoryConfig,
  name: string,
  folder: string,
  read: Read,
): Promise<ObjectStorageAccess> {
  const { endpoint, region, pathStyle, caFile, profile, role, requesterPays, writeOnce } = repository
  return {
    endpoint,
    region,
    pathStyle,
    certificates:
      caFile === undefined ? undefined : await readCertificates(secretFilePath(caFile, folder), name),
    profile,
    role,
    requesterPays,
    writeOnce,
    credentials: await credentialsOf(repository, name, read),
    serverSideEncryption: await serverSideEncryptionOf(repository, read),
  }
}

async function credentialsOf(
  { credentials }: RepositoryConfig,
  name: string,
  read: Read,
): Promise<ObjectStorageCredentials | undefined> {
  if (!credentials) return undefined
  const { accessKeyId, secretAccessKey, sessionToken, key } = credentials
  if (key) return { kind: 'text', text: await read(key, 'credentials.key') }
  if (!accessKeyId || !secretAccessKey) throw incompleteCredentials(name)
  return {
    kind: 'access-key',
    id: await read(accessKeyId, 'credentials.access_key_id'),
    secret: await read(secretAccessKey, 'credentials.secret_access_key'),
    token: sessionToken && (await read(sessionToken, 'credentials.session_token')),
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

async function readCertificates(path: string, name: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new Fault('CONFIG_INVALID', `repositories.${name}.ca_file: ${messageOf(error)}`, {
      hint: 'Check the path, and that the user who runs this command may read the file.',
      cause: error,
    })
  }
}

function incompleteCredentials(name: string): Fault {
  return new Fault('CONFIG_INVALID', `repositories.${name}.credentials names only half of an access key`, {
    hint: 'Give access_key_id and secret_access_key (S3), or key (Google, Azure); or leave credentials out.',
  })
}
