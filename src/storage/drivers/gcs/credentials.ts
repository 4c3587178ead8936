/**
 * Who we are to Google, and where its storage is: both as its SDK finds them (environment, gcloud's file, workload
 * identity, the metadata server), unless the configuration says.
 */
import { Agent } from 'node:https'
import { getCACertificates } from 'node:tls'
import { Storage as GoogleStorage, type StorageOptions } from '@google-cloud/storage'
import { PassThroughClient, type AuthClient, type GoogleAuth } from 'google-auth-library'
import { Fault } from '../../../base/fault.ts'
import type { ObjectStorageAccess } from '../../open.ts'

export interface GoogleAccess {
  readonly auth: Pick<AuthClient, 'request' | 'getRequestHeaders'> | GoogleAuth
  /** Without a slash at the end. */
  readonly endpoint: string
  /** The project that pays where the requester does. */
  projectId(): Promise<string>
}

export function openGoogle(access: ObjectStorageAccess): GoogleAccess {
  const clientOptions = { transporterOptions: agentFor(access.certificates) }
  const options: StorageOptions = {
    retryOptions: { autoRetry: false },
    clientOptions,
    ...(access.endpoint !== undefined && { apiEndpoint: access.endpoint }),
    // The file is the operator's own, and of a kind that is checked.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    ...(access.credentials && { credentials: keyFileOf(access.credentials) }),
  }
  // The SDK looks at STORAGE_EMULATOR_HOST by itself.
  const sdk = new GoogleStorage(options)
  // A token is not shown to whoever listens on the way: without TLS only when credentials were given on purpose.
  const anonymous = sdk.apiEndpoint.startsWith('http:') && !access.credentials
  return {
    auth: anonymous ? new PassThroughClient(clientOptions) : sdk.authClient,
    endpoint: sdk.apiEndpoint.replace(/\/+$/, ''),
    projectId: () => sdk.authClient.getProjectId(),
  }
}

function agentFor(certificates: string | undefined): { agent?: Agent } {
  if (certificates === undefined) return {}
  return { agent: new Agent({ keepAlive: true, ca: [...getCACertificates('default'), certificates] }) }
}

/** The kinds of key files that Google gives out; others could make the SDK run programs or ask servers of their choice. */
const kinds: readonly unknown[] = [
  'service_account',
  'authorized_user',
  'external_account',
  'impersonated_service_account',
]

/** The text is never part of a message. */
function keyFileOf(credentials: NonNullable<ObjectStorageAccess['credentials']>): object {
  if (credentials.kind === 'text') {
    try {
      const value: unknown = JSON.parse(credentials.text)
      if (typeof value === 'object' && value !== null && 'type' in value && kinds.includes(value.type))
        return value
    } catch {
      // Said below, without the text.
    }
  }
  throw new Fault('CONFIG_INVALID', 'credentials.key of a gs:// repository is not a key file (JSON)', {
    hint: "Give the whole text of the service account's key file, for example as {file: /etc/holdfast/key.json}.",
  })
}
