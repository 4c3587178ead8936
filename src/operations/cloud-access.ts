/** From what the configuration says of a vendor's API to how it is reached: a bucket's, or that of volumes and servers. */
import { readFile } from 'node:fs/promises'
import { Fault, messageOf } from '../base/fault.ts'
import type { CloudAccess, CloudCredentials, Proxies } from '../cloud/access.ts'
import { secretFilePath, type SecretSource } from '../config/secret-source.ts'

export type Environment = Readonly<Record<string, string | undefined>>
export type Read = (source: SecretSource, key: string) => Promise<string>

export interface GivenAccess {
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  readonly caFile?: string | undefined
  readonly profile?: string | undefined
  readonly role?: string | undefined
  readonly credentials?:
    | {
        readonly accessKeyId?: SecretSource | undefined
        readonly secretAccessKey?: SecretSource | undefined
        readonly sessionToken?: SecretSource | undefined
        readonly key?: SecretSource | undefined
      }
    | undefined
}

/** `owner` is where it stands in the configuration: `repositories.main`, `snapshots`. */
export async function cloudAccessOf(
  given: GivenAccess,
  owner: string,
  folder: string,
  read: Read,
): Promise<CloudAccess> {
  const { endpoint, region, caFile, profile, role } = given
  return {
    endpoint,
    region,
    certificates:
      caFile === undefined ? undefined : await readCertificates(secretFilePath(caFile, folder), owner),
    profile,
    role,
    credentials: await credentialsOf(given, owner, read),
  }
}

/** In lower case first, as other programs do: `HTTP_PROXY` can be set from outside where a program is called by a web server. */
export function proxiesOf(environment: Environment): Proxies | undefined {
  const of = (name: string): string | undefined => environment[name] ?? environment[name.toUpperCase()]
  const [http, https, without] = [of('http_proxy'), of('https_proxy'), of('no_proxy')]
  return http === undefined && https === undefined ? undefined : { http, https, without }
}

async function credentialsOf(
  { credentials }: GivenAccess,
  owner: string,
  read: Read,
): Promise<CloudCredentials | undefined> {
  if (!credentials) return undefined
  const { accessKeyId, secretAccessKey, sessionToken, key } = credentials
  if (key) return { kind: 'text', text: await read(key, 'credentials.key') }
  if (!accessKeyId || !secretAccessKey) throw incompleteCredentials(owner)
  return {
    kind: 'access-key',
    id: await read(accessKeyId, 'credentials.access_key_id'),
    secret: await read(secretAccessKey, 'credentials.secret_access_key'),
    token: sessionToken && (await read(sessionToken, 'credentials.session_token')),
  }
}

async function readCertificates(path: string, owner: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new Fault('CONFIG_INVALID', `${owner}.ca_file: ${messageOf(error)}`, {
      hint: 'Check the path, and that the user who runs this command may read the file.',
      cause: error,
    })
  }
}

function incompleteCredentials(owner: string): Fault {
  return new Fault('CONFIG_INVALID', `${owner}.credentials names only half of an access key`, {
    hint: 'Give access_key_id and secret_access_key (S3), or key (Google, Azure); or leave credentials out.',
  })
}
