/**
 * Who we are to Azure, and where its storage is. Said in the configuration (a connection string, an account key, a SAS),
 * or found as Azure's own tools find it; the package for that is loaded only when it is needed.
 */
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import {
  AnonymousCredential,
  BlobServiceClient,
  StorageSharedKeyCredential,
  newPipeline,
  type ContainerClient,
} from '@azure/storage-blob'
import { Fault } from '../../../base/fault.ts'
import type { Clock } from '../../../base/world.ts'
import type { ObjectStorageAccess } from '../../open.ts'
import { HeldTokens } from './held-tokens.ts'

type Credential = Parameters<typeof newPipeline>[0]

export async function openContainer(
  name: string,
  access: ObjectStorageAccess,
  clock: Pick<Clock, 'now'>,
): Promise<ContainerClient> {
  // The SDK offers no place for them but the process as a whole.
  if (access.certificates !== undefined)
    setDefaultCACertificates([...getCACertificates('default'), access.certificates])
  const { endpoint, credential, sas = '' } = await waysOf(access, clock)
  const pipeline = newPipeline(credential, { retryOptions: { maxTries: 1 } })
  return new BlobServiceClient(`${endpoint.replace(/\/+$/, '')}${sas}`, pipeline).getContainerClient(name)
}

interface Ways {
  readonly endpoint: string
  readonly credential: Credential
  /** With its question mark. */
  readonly sas?: string
}

async function waysOf(access: ObjectStorageAccess, clock: Pick<Clock, 'now'>): Promise<Ways> {
  const { credentials, endpoint } = access
  if (!credentials) return { endpoint: needed(endpoint), credential: await found(needed(endpoint), clock) }
  if (credentials.kind === 'access-key')
    return {
      endpoint: endpoint ?? publicEndpoint(credentials.id),
      credential: new StorageSharedKeyCredential(credentials.id, credentials.secret),
    }
  const text = credentials.text.trim()
  if (/(^|;)(AccountName|BlobEndpoint)=/i.test(text)) return fromConnectionString(text, endpoint)
  if (/(^|[?&])sig=/.test(text))
    return {
      endpoint: needed(endpoint),
      credential: new AnonymousCredential(),
      sas: `?${text.replace(/^\?/, '')}`,
    }
  if (!/^[A-Za-z0-9+/]{40,}={0,2}$/.test(text)) throw unreadable()
  return {
    endpoint: needed(endpoint),
    credential: new StorageSharedKeyCredential(accountOf(needed(endpoint)), text),
  }
}

/** A token is not shown to whoever listens on the way: without TLS nothing is sent that was not given on purpose. */
async function found(endpoint: string, clock: Pick<Clock, 'now'>): Promise<Credential> {
  if (endpoint.startsWith('http:')) return new AnonymousCredential()
  const { DefaultAzureCredential } = await import('@azure/identity')
  return new HeldTokens(new DefaultAzureCredential(), clock)
}

function fromConnectionString(text: string, endpoint: string | undefined): Ways {
  const parts = new Map(
    text
      .split(';')
      .map(part => /^\s*(\w+)=(.*?)\s*$/.exec(part))
      .flatMap(match => (match?.[1] ? [[match[1].toLowerCase(), match[2] ?? ''] as const] : [])),
  )
  const account = parts.get('accountname')
  const protocol = parts.get('defaultendpointsprotocol') ?? 'https'
  const suffix = parts.get('endpointsuffix') ?? 'core.windows.net'
  const own = parts.get('blobendpoint') ?? (account && `${protocol}://${account}.blob.${suffix}`)
  const [key, sas] = [parts.get('accountkey'), parts.get('sharedaccesssignature')]
  if (own === undefined) throw unreadable()
  if (key !== undefined)
    return {
      endpoint: endpoint ?? own,
      credential: new StorageSharedKeyCredential(account ?? accountOf(own), key),
    }
  if (sas === undefined) throw unreadable()
  return {
    endpoint: endpoint ?? own,
    credential: new AnonymousCredential(),
    sas: `?${sas.replace(/^\?/, '')}`,
  }
}

const publicEndpoint = (account: string): string => `https://${account}.blob.core.windows.net`

/** The first word of the host, or, where the host is an address (azurite), of the path. */
function accountOf(endpoint: string): string {
  const { hostname, pathname } = new URL(endpoint)
  const first = pathname.split('/')[1]
  return first === undefined || first === '' ? (hostname.split('.')[0] ?? '') : first
}

function needed(endpoint: string | undefined): string {
  if (endpoint !== undefined) return endpoint
  throw new Fault('CONFIG_INVALID', 'the storage account of an az:// repository is not named', {
    hint: 'Set endpoint: https://ACCOUNT.blob.core.windows.net, or AZURE_STORAGE_ACCOUNT, or give a connection string as credentials.key.',
  })
}

/** The text is never part of a message. */
function unreadable(): Fault {
  return new Fault(
    'CONFIG_INVALID',
    'credentials.key of an az:// repository is none of a connection string, an account key and a SAS',
    { hint: 'Copy it whole from the Azure portal, or from `az storage account show-connection-string`.' },
  )
}
