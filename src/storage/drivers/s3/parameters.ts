/** The parts of requests that come from the description of the storage: encryption, class, tags, lock, who pays. */
import type { CreateMultipartUploadCommandInput } from '@aws-sdk/client-s3'
import { createHash } from 'node:crypto'
import { second } from '../../../base/units.ts'
import type { ObjectRule, ObjectStorageAccess, StorageDescription } from '../../open.ts'
import type { Retention } from '../../storage.ts'
import { ruleMatcher } from '../../object-rules.ts'

/** What every request about objects has to say. */
export type Common = Pick<CreateMultipartUploadCommandInput, 'RequestPayer'>
/** What requests that read or write an object's bytes have to say. */
export type CustomerKey = Pick<
  CreateMultipartUploadCommandInput,
  'SSECustomerAlgorithm' | 'SSECustomerKey' | 'SSECustomerKeyMD5'
>
export type NewObject = Pick<
  CreateMultipartUploadCommandInput,
  | 'ServerSideEncryption'
  | 'SSEKMSKeyId'
  | 'StorageClass'
  | 'Tagging'
  | 'ObjectLockMode'
  | 'ObjectLockRetainUntilDate'
>

export interface Parameters {
  readonly common: Common
  readonly customerKey: CustomerKey
  /** For an object that is written at `nowMs`. */
  readonly newObject: (key: string, nowMs: number) => NewObject
  readonly lockOf: (key: string, nowMs: number) => Retention | undefined
}

export function parametersOf({ access, rules }: StorageDescription): Parameters {
  const ruleOf = ruleMatcher(rules)
  const encryption = encryptionOf(access)
  return {
    common: access?.requesterPays === true ? { RequestPayer: 'requester' } : {},
    customerKey: customerKeyOf(access),
    newObject: (key, nowMs) => ({ ...encryption, ...ruled(ruleOf(key), nowMs) }),
    lockOf(key, nowMs) {
      const lock = ruleOf(key)?.lock
      return lock && { mode: lock.mode, untilMs: nowMs + lock.forMs }
    },
  }
}

function encryptionOf(access: ObjectStorageAccess | undefined): NewObject {
  const given = access?.serverSideEncryption
  if (given?.kind === 'server-key') return { ServerSideEncryption: 'AES256' }
  if (given?.kind !== 'kms') return {}
  return {
    ServerSideEncryption: 'aws:kms',
    ...(given.keyId === undefined ? {} : { SSEKMSKeyId: given.keyId }),
  }
}

function customerKeyOf(access: ObjectStorageAccess | undefined): CustomerKey {
  const given = access?.serverSideEncryption
  if (given?.kind !== 'customer-key') return {}
  const digest = createHash('md5').update(Buffer.from(given.keyBase64, 'base64')).digest('base64')
  return { SSECustomerAlgorithm: 'AES256', SSECustomerKey: given.keyBase64, SSECustomerKeyMD5: digest }
}

function ruled(rule: ObjectRule | undefined, nowMs: number): NewObject {
  if (!rule) return {}
  const { storageClass, tags, lock } = rule
  return {
    ...(storageClass === undefined
      ? {}
      : { StorageClass: storageClass as NonNullable<NewObject['StorageClass']> }),
    ...(tags === undefined ? {} : { Tagging: new URLSearchParams(tags).toString() }),
    ...(lock === undefined
      ? {}
      : {
          ObjectLockMode: lockModeOf(lock.mode),
          ObjectLockRetainUntilDate: lockDate(nowMs + lock.forMs),
        }),
  }
}

export function lockModeOf(mode: Retention['mode']): 'GOVERNANCE' | 'COMPLIANCE' {
  return mode === 'governance' ? 'GOVERNANCE' : 'COMPLIANCE'
}

/** To the second, which is how precise servers keep it, and rather later than earlier. */
export function lockDate(untilMs: number): Date {
  return new Date(Math.ceil(untilMs / second) * second)
}
