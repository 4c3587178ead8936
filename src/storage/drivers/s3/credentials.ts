/**
 * Where credentials come from: said explicitly, from a role, or as Amazon's own tools find them (environment, files,
 * web identity, container, instance). The chain renews what it found before it expires.
 */
import type { Agent as HttpAgent } from 'node:http'
import type { Agent as HttpsAgent } from 'node:https'
import { Fault, isFault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { ObjectStorageAccess } from '../../open.ts'

export interface Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly expiration?: Date
}

export type Provider = Keys | (() => Promise<Keys>)

/** How the service that hands out roles is reached: Amazon's is elsewhere, others speak it at the same address. */
export interface RoleService {
  readonly endpoint: string | undefined
  readonly agents: { readonly http: HttpAgent; readonly https: HttpsAgent }
}

/** Undefined: the SDK's own chain. Code for roles is loaded only when there is one. */
export async function providerOf(
  { credentials, role, profile, region }: ObjectStorageAccess,
  { endpoint, agents }: RoleService,
): Promise<Provider | undefined> {
  const explicit = credentials && keysOf(credentials)
  if (role === undefined) return explicit
  const { fromTemporaryCredentials } = await import('@aws-sdk/credential-providers')
  return fromTemporaryCredentials({
    params: { RoleArn: role, RoleSessionName: 'holdfast' },
    ...(explicit === undefined ? {} : { masterCredentials: explicit }),
    clientConfig: {
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
      ...(profile === undefined ? {} : { profile }),
      requestHandler: {
        httpAgent: agents.http,
        httpsAgent: agents.https,
        connectionTimeout: limits.objectConnectMsMax,
        socketTimeout: limits.objectSilenceMsMax,
      },
    },
  })
}

function keysOf(credentials: NonNullable<ObjectStorageAccess['credentials']>): Keys {
  if (credentials.kind !== 'access-key') {
    throw new Fault('CONFIG_INVALID', 'credentials of an S3 storage are an access key and its secret', {
      hint: 'Give access_key_id and secret_access_key under `credentials` of the repository, or leave it out.',
    })
  }
  const { id, secret, token } = credentials
  return { accessKeyId: id, secretAccessKey: secret, ...(token === undefined ? {} : { sessionToken: token }) }
}

/** The server says that these credentials were good once. */
export function hasExpired(error: unknown): boolean {
  return (
    isFault(error, 'STORAGE_CREDENTIALS') &&
    error.cause instanceof Error &&
    ['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'InvalidToken'].includes(
      error.cause.name,
    )
  )
}
