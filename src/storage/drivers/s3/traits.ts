/** How the bucket is set up, as far as these credentials may know. */
import {
  GetBucketEncryptionCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
} from '@aws-sdk/client-s3'
import { isFault } from '../../../base/fault.ts'
import type { StorageTraits } from '../../storage.ts'
import type { Api } from './client.ts'
import { isCode } from './faults.ts'

export async function traitsOf(api: Api, signal: AbortSignal): Promise<StorageTraits> {
  const [versioning, lockable, encryption] = await Promise.all([
    versioningOf(api, signal),
    hasLocks(api, signal),
    encryptionOf(api, signal),
  ])
  const versioned = versioning && versioning === 'Enabled'
  // Others are known to take a checksum and not to look at it.
  return { versioned, lockable, encryption, checksWrites: api.isAmazon(), clockSkewMs: api.skewMs() }
}

/** `Suspended`: older versions are kept, new ones are not made. */
export function versioningOf(
  api: Api,
  signal: AbortSignal,
): Promise<'Enabled' | 'Suspended' | 'never' | undefined> {
  return unlessRefused(async () => {
    const command = new GetBucketVersioningCommand({ Bucket: api.place.bucket })
    const { Status } = await api.send({ doing: 'asking whether the bucket keeps versions' }, command, signal)
    return Status ?? 'never'
  })
}

function hasLocks(api: Api, signal: AbortSignal): Promise<boolean | undefined> {
  return unlessRefused(async () => {
    const command = new GetObjectLockConfigurationCommand({ Bucket: api.place.bucket })
    try {
      const answer = await api.send({ doing: 'asking whether the bucket has locks' }, command, signal)
      return answer.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled'
    } catch (error) {
      if (isCode(error, 'ObjectLockConfigurationNotFoundError', 'InvalidRequest')) return false
      throw error
    }
  })
}

function encryptionOf(api: Api, signal: AbortSignal): Promise<string | undefined> {
  return unlessRefused(async () => {
    const command = new GetBucketEncryptionCommand({ Bucket: api.place.bucket })
    try {
      const answer = await api.send({ doing: 'asking how the bucket is encrypted' }, command, signal)
      const [rule] = answer.ServerSideEncryptionConfiguration?.Rules ?? []
      return rule?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm
    } catch (error) {
      if (isCode(error, 'ServerSideEncryptionConfigurationNotFoundError')) return undefined
      throw error
    }
  })
}

/** Who may not ask does not know; and many servers do not know the question. */
async function unlessRefused<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (isFault(error, 'STORAGE_DENIED', 'STORAGE_UNSUPPORTED', 'FAILED', 'OBJECT_MISSING')) return undefined
    throw error
  }
}
