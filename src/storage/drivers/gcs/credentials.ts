/**
 * Who we are to Google, and where its storage is: both as its SDK finds them (environment, gcloud's file, workload
 * identity, the metadata server), unless the configuration says.
 */
import { Agent } from 'node:https'
import { getCACertificates } from 'node:tls'
import { Storage as GoogleStorage, type StorageOptions } from '@google-cloud/storage'
import {
  JWT,
  PassThroughClient,
  UserRefreshClient,
  type AuthClient,
  type GoogleAuth,
  type JWTOptions,
} from 'google-auth-library'
import * as z from 'zod/mini'
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
  const transporterOptions = agentFor(access.certificates)
  const given = access.credentials && clientOf(keyFileOf(access.credentials), transporterOptions)
  const options: StorageOptions = {
    retryOptions: { autoRetry: false },
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
    projectId: async () => given?.projectId ?? (await sdk.authClient.getProjectId()),
  }
}

type TransporterOptions = NonNullable<JWTOptions['transporterOptions']>

function agentFor(certificates: string | undefined): TransporterOptions {
  if (certificates === undefined) return {}
  return { agent: new Agent({ keepAlive: true, ca: [...getCACertificates('default'), certificates] }) }
}

type KeyFile = z.infer<typeof keyFile>

/** The kinds of key files that Google gives out; others could make the SDK run programs or ask servers of their choice. */
const keyFile = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('service_account'),
    client_email: z.string(),
    private_key: z.string(),
    project_id: z.optional(z.string()),
  }),
  z.object({
    type: z.literal('authorized_user'),
    client_id: z.string(),
    client_secret: z.string(),
    refresh_token: z.string(),
  }),
])

/** The text is never part of a message. */
function keyFileOf(credentials: NonNullable<ObjectStorageAccess['credentials']>): KeyFile {
  const read = z.safeParse(keyFile, credentials.kind === 'text' ? parsed(credentials.text) : undefined)
  if (read.success) return read.data
  throw new Fault(
    'CONFIG_INVALID',
    'credentials.key of a gs:// repository is not a key file (JSON) of a service account',
    {
      hint: 'Give the whole text of the key file, for example as {file: /etc/holdfast/key.json}. Other kinds, such as workload identity, are found by GOOGLE_APPLICATION_CREDENTIALS.',
    },
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function clientOf(file: KeyFile, transporterOptions: TransporterOptions): AuthClient {
  if (file.type === 'authorized_user') {
    const { client_id: clientId, client_secret: clientSecret, refresh_token: refreshToken } = file
    return new UserRefreshClient({ clientId, clientSecret, refreshToken, transporterOptions })
  }
  const { client_email: email, private_key: key, project_id: projectId } = file
  return new JWT({ email, key, scopes, transporterOptions, ...(projectId !== undefined && { projectId }) })
}

const scopes = ['https://www.googleapis.com/auth/devstorage.full_control']
