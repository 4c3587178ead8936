/** Credentials for Google that are given on purpose: the key file of an account, as text. Without them the SDK looks for some itself. */
import { Agent } from 'node:https'
import { getCACertificates } from 'node:tls'
import { JWT, UserRefreshClient, type AuthClient, type JWTOptions } from 'google-auth-library'
import * as z from 'zod/mini'
import { Fault } from '../../base/fault.ts'
import type { CloudAccess, CloudCredentials } from '../access.ts'

/** Undefined: none are given. `owner` is whose they are, for the message. */
export function givenClient(
  { credentials, certificates }: CloudAccess,
  scopes: readonly string[],
  owner: string,
): AuthClient | undefined {
  return credentials && clientOf(keyFileOf(credentials, owner), scopes, transporterFor(certificates))
}

export type TransporterOptions = NonNullable<JWTOptions['transporterOptions']>

export function transporterFor(certificates: string | undefined): TransporterOptions {
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
function keyFileOf(credentials: CloudCredentials, owner: string): KeyFile {
  const read = z.safeParse(keyFile, credentials.kind === 'text' ? parsed(credentials.text) : undefined)
  if (read.success) return read.data
  throw new Fault(
    'CONFIG_INVALID',
    `credentials.key of ${owner} is not a key file (JSON) of a service account`,
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

function clientOf(
  file: KeyFile,
  scopes: readonly string[],
  transporterOptions: TransporterOptions,
): AuthClient {
  if (file.type === 'authorized_user') {
    const { client_id: clientId, client_secret: clientSecret, refresh_token: refreshToken } = file
    return new UserRefreshClient({ clientId, clientSecret, refreshToken, transporterOptions })
  }
  const { client_email: email, private_key: key, project_id: projectId } = file
  return new JWT({
    email,
    key,
    scopes: [...scopes],
    transporterOptions,
    ...(projectId !== undefined && { projectId }),
  })
}
