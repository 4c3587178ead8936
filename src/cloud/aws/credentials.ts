/**
 * Where credentials come from: said explicitly, from a role, or as Amazon's own tools find them (environment, files,
 * web identity, container, instance). The chain renews what it found before it expires.
 */
import { Fault, isFault } from '../../base/fault.ts'
import type { CloudAccess } from '../access.ts'
import { isAmazonHost, requestHandlerFor, type Agents } from './agents.ts'

export interface Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly expiration?: Date
}

export type Provider = Keys | (() => Promise<Keys>)

/** Undefined: the SDK's own chain. Code for roles is loaded only when there is one. */
export async function providerOf(
  { credentials, role, profile, region, endpoint: given }: CloudAccess,
  agents: Agents,
): Promise<Provider | undefined> {
  const explicit = credentials && keysOf(credentials)
  if (role === undefined) return explicit
  // Amazon's service for roles is elsewhere; others speak it at the same address.
  const endpoint = given === undefined || isAmazonHost(new URL(given).hostname) ? undefined : given
  const { fromTemporaryCredentials } = await import('@aws-sdk/credential-providers')
  return fromTemporaryCredentials({
    params: { RoleArn: role, RoleSessionName: 'holdfast' },
    ...(explicit === undefined ? {} : { masterCredentials: explicit }),
    clientConfig: {
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
      ...(profile === undefined ? {} : { profile }),
      requestHandler: requestHandlerFor(agents),
    },
  })
}

function keysOf(credentials: NonNullable<CloudAccess['credentials']>): Keys {
  if (credentials.kind !== 'access-key') {
    throw new Fault(
      'CONFIG_INVALID',
      'credentials for AWS or an S3 storage are an access key and its secret',
      {
        hint: 'Give access_key_id and secret_access_key under `credentials`, or leave it out.',
      },
    )
  }
  const { id, secret, token } = credentials
  return { accessKeyId: id, secretAccessKey: secret, ...(token === undefined ? {} : { sessionToken: token }) }
}

/** The server says that these credentials were good once. */
export function hasExpired(error: unknown): boolean {
  return (
    isFault(error, 'STORAGE_CREDENTIALS', 'CLOUD_CREDENTIALS') &&
    error.cause instanceof Error &&
    ['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'InvalidToken'].includes(
      error.cause.name,
    )
  )
}
