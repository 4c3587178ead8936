/**
 * Checks of what is sent. The signature of each request covers the SHA-256 of its body, so every server verifies that;
 * CRC-32C is what Amazon (and who follows it) keeps with the object. MD5 is for requests that older servers refuse
 * without it.
 */
import { crc32c } from '@node-rs/crc32'
import type { S3Client } from '@aws-sdk/client-s3'
import { createHash } from 'node:crypto'

/** As S3 writes it: big-endian, base64. */
export function crc32cBase64(bytes: Uint8Array): string {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32c(bytes))
  return sum.toString('base64')
}

export function md5Base64(bytes: Uint8Array | string): string {
  return createHash('md5').update(bytes).digest('base64')
}

/** The SDK sends a CRC-32 with these; servers that know only the older rule want the MD5 of the body. */
const needsMd5 = ['DeleteObjectsCommand', 'PutObjectRetentionCommand', 'PutObjectTaggingCommand']

export function addContentMd5(client: S3Client): void {
  client.middlewareStack.add(
    (next, { commandName }) =>
      args => {
        if (commandName !== undefined && needsMd5.includes(commandName)) setContentMd5(args.request)
        return next(args)
      },
    { step: 'build', priority: 'low', name: 'holdfastContentMd5' },
  )
}

function setContentMd5(request: unknown): void {
  if (typeof request !== 'object' || request === null || !('headers' in request) || !('body' in request))
    return
  const { headers, body } = request
  if (typeof headers !== 'object' || headers === null) return
  if (typeof body === 'string' || body instanceof Uint8Array)
    Object.assign(headers, { 'content-md5': md5Base64(body) })
}
