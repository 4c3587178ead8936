/**
 * Who we are to Google, and where its storage is: both as its SDK finds them (environment, gcloud's file, workload
 * identity, the metadata server), unless the configuration says.
 */
import { Storage as GoogleStorage, type StorageOptions } from '@google-cloud/storage'
import { GoogleAuth, PassThroughClient, type AuthClient } from 'google-auth-library'
import { givenClient, transporterFor } from '../../../cloud/google/key-file.ts'
import type { ObjectStorageAccess } from '../../open.ts'

export interface GoogleAccess {
  readonly auth: Pick<AuthClient, 'request' | 'getRequestHeaders'> | GoogleAuth
  /** Without a slash at the end. */
  readonly endpoint: string
  /** The project that pays where the requester does. */
  projectId(): Promise<string>
}

export function openGoogle(access: ObjectStorageAccess): GoogleAccess {
  const transporterOptions = transporterFor(access.certificates)
  const given = givenClient(access, scopes, 'a gs:// repository')
  const options: StorageOptions = {
    retryOptions: { autoRetry: false },
    // Else the SDK looks for one before the first token: it starts gcloud where that is installed, which takes seconds, and
    // asks for rights of a workload identity that it needs for nothing else.
    projectId: 'not-looked-up',
    clientOptions: { transporterOptions },
    ...(access.endpoint !== undefined && { apiEndpoint: access.endpoint }),
    ...(given && { authClient: given }),
  }
  // The SDK looks at STORAGE_EMULATOR_HOST by itself.
  const sdk = new GoogleStorage(options)
  // A token is not shown to whoever listens on the way: without TLS only when credentials were given on purpose.
  const anonymous = sdk.apiEndpoint.startsWith('http:') && !given
  return {
    auth: anonymous ? new PassThroughClient({ transporterOptions }) : (given ?? sdk.authClient),
    endpoint: sdk.apiEndpoint.replace(/\/+$/, ''),
    projectId: async () =>
      given?.projectId ?? (await new GoogleAuth({ clientOptions: { transporterOptions } }).getProjectId()),
  }
}

const scopes = ['https://www.googleapis.com/auth/devstorage.full_control']
