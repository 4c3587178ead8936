/** Writes an object by one request, in which the server itself refuses to replace one that is there. */
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { isStatus } from './faults.ts'
import { crc32cBase64, md5Base64 } from './integrity.ts'
import { tokenName } from './look.ts'
import { newToken, provenWritten, takenByWhom, type Writing } from './writing.ts'

export async function putWhole(
  writing: Writing,
  key: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<'written' | 'taken'> {
  const { api, looker, prover } = writing
  const expected = { sizeBytes: bytes.length, token: newToken(writing) }
  const command = commandOf(writing, key, bytes, expected.token)
  const request = { doing: `writing ${key}`, sizeBytes: bytes.length }
  let tries = 0
  return api.retry(async () => {
    const isRepeated = tries++ > 0
    if (api.access.writeOnce === 'check' && (await looker.lookOrList(key, signal)))
      return isRepeated ? takenByWhom(writing, key, expected, signal) : 'taken'
    let entityTag: string | undefined
    try {
      const answer = await prover.writing(() => api.send(request, command, signal))
      entityTag = answer.ETag
    } catch (error) {
      if (!isStatus(error, 412)) throw error
      return isRepeated ? takenByWhom(writing, key, expected, signal) : 'taken'
    }
    if (await prover.isListed({ key, sizeBytes: bytes.length, entityTag }, signal)) return 'written'
    return provenWritten(writing, key, expected, signal)
  }, signal)
}

function commandOf(
  { api: { place, access, world }, parameters }: Writing,
  key: string,
  bytes: Uint8Array,
  token: string,
): PutObjectCommand {
  const newObject = parameters.newObject(key, world.clock.now())
  const isLocked = newObject.ObjectLockMode !== undefined
  return new PutObjectCommand({
    Bucket: place.bucket,
    Key: place.full(key),
    Body: bytes,
    Metadata: { [tokenName]: token },
    ChecksumCRC32C: crc32cBase64(bytes),
    ...(access.writeOnce === 'check' ? {} : { IfNoneMatch: '*' }),
    // A rule as old as object locks; Amazon takes any checksum for it, others took only this.
    ...(isLocked ? { ContentMD5: md5Base64(bytes) } : {}),
    ...parameters.common,
    ...parameters.customerKey,
    ...newObject,
  })
}
