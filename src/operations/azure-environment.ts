/**
 * What Azure's own command line reads from the environment, for an az:// repository that the configuration says less of.
 * Its SDK reads the variables of identities (AZURE_CLIENT_ID, …) by itself, but not these.
 */
import type { ObjectStorageAccess } from '../storage/open.ts'

type Environment = Readonly<Record<string, string | undefined>>

export function withAzureEnvironment(
  access: ObjectStorageAccess,
  environment: Environment,
): ObjectStorageAccess {
  const connection = filled(environment['AZURE_STORAGE_CONNECTION_STRING'])
  const account = filled(environment['AZURE_STORAGE_ACCOUNT'])
  const secret = filled(environment['AZURE_STORAGE_KEY']) ?? filled(environment['AZURE_STORAGE_SAS_TOKEN'])
  // Credentials that were meant for one account are not shown to another.
  if (access.endpoint !== undefined || access.credentials !== undefined)
    return access.endpoint === undefined && account !== undefined && !namesAccount(access)
      ? { ...access, endpoint: endpointOf(account) }
      : access
  if (connection !== undefined) return { ...access, credentials: { kind: 'text', text: connection } }
  if (account === undefined) return access
  return {
    ...access,
    endpoint: endpointOf(account),
    credentials: secret === undefined ? undefined : { kind: 'text', text: secret },
  }
}

const filled = (text: string | undefined): string | undefined => (text === '' ? undefined : text)

const endpointOf = (account: string): string => `https://${account}.blob.core.windows.net`

function namesAccount({ credentials }: ObjectStorageAccess): boolean {
  return credentials?.kind === 'access-key' || /AccountName=|BlobEndpoint=/i.test(credentials?.text ?? '')
}
