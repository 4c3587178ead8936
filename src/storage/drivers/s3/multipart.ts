/** Writes an object in parts. Nothing is visible before the upload is completed; what is left of one is aborted. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
  type CompletedPart,
  type UploadPartCopyCommandInput,
} from '@aws-sdk/client-s3'
import { assert } from '../../../base/assert.ts'
import { isFault } from '../../../base/fault.ts'
import type { PartSink } from '../object/part-writer.ts'
import { holdingClaim } from './claim.ts'
import { isCode, isStatus } from './faults.ts'
import { crc32cBase64 } from './integrity.ts'
import { retainObject } from './lock.ts'
import { tokenName } from './look.ts'
import { putWhole } from './put.ts'
import { newToken, provenWritten, takenByWhom, type Expected, type Writing } from './writing.ts'

export function partSinkOf(writing: Writing, key: string): PartSink {
  return new Multipart(writing, key)
}

export interface CopiedPart {
  readonly request: Omit<UploadPartCopyCommandInput, 'Bucket' | 'Key' | 'UploadId' | 'PartNumber'>
  readonly sizeBytes: number
}

export class Multipart implements PartSink {
  readonly #writing: Writing
  readonly #key: string
  readonly #token: string
  readonly #parts: CompletedPart[] = []
  #uploadId: string | undefined
  /** The server said that it knows the checksum. */
  #hasChecksums = false

  constructor(writing: Writing, key: string) {
    this.#writing = writing
    this.#key = key
    this.#token = newToken(writing)
  }

  putWhole(bytes: Uint8Array, signal: AbortSignal): Promise<'written' | 'taken'> {
    return putWhole(this.#writing, this.#key, bytes, signal)
  }

  async begin(signal: AbortSignal): Promise<void> {
    const { api, parameters } = this.#writing
    const command = new CreateMultipartUploadCommand({
      ...this.#object,
      Metadata: { [tokenName]: this.#token },
      ChecksumAlgorithm: 'CRC32C',
      ...parameters.customerKey,
      ...parameters.newObject(this.#key, api.world.clock.now()),
    })
    const doing = `beginning to write ${this.#key}`
    const answer = await api.retry(() => api.send({ doing }, command, signal), signal)
    assert(answer.UploadId !== undefined, 'an upload has an id')
    this.#uploadId = answer.UploadId
    this.#hasChecksums = answer.ChecksumAlgorithm === 'CRC32C'
  }

  async putPart(index: number, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const { api, parameters } = this.#writing
    const PartNumber = index + 1
    const checksum = this.#hasChecksums ? { ChecksumCRC32C: crc32cBase64(bytes) } : {}
    const upload = { ...this.#object, UploadId: this.#uploadId, PartNumber, Body: bytes }
    const command = new UploadPartCommand({ ...upload, ...checksum, ...parameters.customerKey })
    const request = { doing: `writing part ${String(PartNumber)} of ${this.#key}`, sizeBytes: bytes.length }
    const { ETag } = await api.retry(() => api.send(request, command, signal), signal)
    this.#parts[index] = { PartNumber, ETag, ...checksum }
  }

  /** A part whose bytes the server takes from an object that it has. Tells the part's ETag. */
  async copyPart(index: number, { request, sizeBytes }: CopiedPart, signal: AbortSignal): Promise<string> {
    const { api, parameters } = this.#writing
    const PartNumber = index + 1
    const part = { ...this.#object, UploadId: this.#uploadId, PartNumber }
    const command = new UploadPartCopyCommand({ ...part, ...request, ...parameters.customerKey })
    const doing = `copying part ${String(PartNumber)} of ${this.#key}`
    const { CopyPartResult } = await api.retry(() => api.send({ doing, sizeBytes }, command, signal), signal)
    const { ETag, ChecksumCRC32C } = CopyPartResult ?? {}
    const checksum = this.#hasChecksums && ChecksumCRC32C !== undefined ? { ChecksumCRC32C } : {}
    this.#parts[index] = { PartNumber, ETag, ...checksum }
    return ETag ?? ''
  }

  /**
   * Amazon refuses to complete an upload whose key is taken. Other servers are known to ignore that condition, so there
   * a claim is held while looking and completing.
   */
  async finish(sizeBytes: number, signal: AbortSignal): Promise<'written' | 'taken'> {
    const { api } = this.#writing
    const expected = { sizeBytes, token: this.#token }
    const complete = (stop: AbortSignal): Promise<'written' | 'taken'> => this.#complete(expected, stop)
    const outcome =
      api.isAmazon() || api.access.writeOnce === 'check'
        ? await complete(signal)
        : await holdingClaim(this.#writing, this.#key, complete, signal)
    if (outcome === 'taken') await this.discard().catch(() => undefined)
    else if (!api.isAmazon()) await this.#complement(signal)
    return outcome
  }

  async discard(): Promise<void> {
    const { api } = this.#writing
    // Also when the work itself was told to stop; the request has its own limit of time.
    const { signal } = new AbortController()
    const doing = `giving up the upload of ${this.#key}`
    const command = new AbortMultipartUploadCommand({ ...this.#object, UploadId: this.#uploadId })
    try {
      await api.retry(() => api.send({ doing }, command, signal), signal)
    } catch (error) {
      if (!isStatus(error, 404)) throw error
    }
  }

  /** Ceph forgets the lock and the tags that an upload began with. */
  async #complement(signal: AbortSignal): Promise<void> {
    const { api, parameters } = this.#writing
    const lock = parameters.lockOf(this.#key, api.world.clock.now())
    if (lock) await api.retry(() => retainObject(this.#writing, this.#key, lock, signal), signal)
    await this.#tag(signal)
  }

  /** Without the right to set them later, they stay away. */
  async #tag(signal: AbortSignal): Promise<void> {
    const { api, parameters } = this.#writing
    const { Tagging } = parameters.newObject(this.#key, api.world.clock.now())
    if (Tagging === undefined) return
    const TagSet = [...new URLSearchParams(Tagging)].map(([Key, Value]) => ({ Key, Value }))
    const command = new PutObjectTaggingCommand({ ...this.#object, Tagging: { TagSet } })
    try {
      await api.retry(() => api.send({ doing: `tagging ${this.#key}` }, command, signal), signal)
    } catch (error) {
      if (!isFault(error, 'STORAGE_DENIED', 'STORAGE_UNSUPPORTED')) throw error
    }
  }

  async #complete(expected: Expected, signal: AbortSignal): Promise<'written' | 'taken'> {
    const { api, looker } = this.#writing
    const mustLook = !api.isAmazon() || api.access.writeOnce === 'check'
    let tries = 0
    return api.retry(async () => {
      const isRepeated = tries++ > 0
      if (mustLook && (await looker.lookOrList(this.#key, signal)))
        return isRepeated ? takenByWhom(this.#writing, this.#key, expected, signal) : 'taken'
      try {
        await api.send({ doing: `completing ${this.#key}` }, this.#completion(), signal)
      } catch (error) {
        // Of a try whose answer was lost, the next one finds no upload any more, but the object.
        const isOver = isStatus(error, 412) || (isRepeated && isCode(error, 'NoSuchUpload'))
        if (!isOver) throw error
        return takenByWhom(this.#writing, this.#key, expected, signal)
      }
      return provenWritten(this.#writing, this.#key, expected, signal)
    }, signal)
  }

  #completion(): CompleteMultipartUploadCommand {
    const { api, parameters } = this.#writing
    return new CompleteMultipartUploadCommand({
      ...this.#object,
      UploadId: this.#uploadId,
      MultipartUpload: { Parts: this.#parts },
      ...(api.access.writeOnce === 'check' ? {} : { IfNoneMatch: '*' }),
      ...parameters.customerKey,
    })
  }

  get #object(): { Bucket: string; Key: string } & Writing['parameters']['common'] {
    const { api, parameters } = this.#writing
    return { Bucket: api.place.bucket, Key: api.place.full(this.#key), ...parameters.common }
  }
}
