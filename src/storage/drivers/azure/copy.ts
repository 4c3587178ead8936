/**
 * Copies a blob inside the storage account: the server takes the blocks from the blob that it has (Put Block From URL), and
 * they are put together as those of any other write are, on the condition that the name is free. Copy Blob has nothing
 * visible only at the end, and Copy Blob From URL ends at 256 MiB.
 *
 * The proof: a blob of up to 4000 MiB is one block, whose MD5 the server tells as it computed it, and the source's own MD5,
 * which its writer sent and the server compared.
 */
import { AnonymousCredential, BlobSASPermissions, StorageSharedKeyCredential } from '@azure/storage-blob'
import type { BlockBlobClient, BlockBlobStageBlockFromURLOptions } from '@azure/storage-blob'
import { inParallel } from '../../../base/in-parallel.ts'
import { limits } from '../../../base/limits.ts'
import { GiB, MiB, hour } from '../../../base/units.ts'
import type { CopyOutcome, Unproven } from '../../second-ports.ts'
import { missingObject } from './faults.ts'
import { isMissing, lookAt } from './look.ts'
import { untilWritten, type Sent } from './once.ts'
import { blobAt, keyOf, type AzurePlace } from './place.ts'
import { givenTo, putWhole, scopeOf } from './write.ts'

type Found = NonNullable<Awaited<ReturnType<typeof lookAt>>>

export async function copyBlob(
  place: AzurePlace,
  from: string,
  to: string,
  unproven: Unproven,
  signal: AbortSignal,
): Promise<CopyOutcome> {
  const source = await mustLook(place, from, signal)
  const there = await place.retry(() => lookAt(place, to, signal), signal)
  if (there) return compared(source, there)
  const sizeBytes = source.contentLength ?? 0
  if (sizeBytes === 0) {
    const outcome = await putWhole(place, to, new Uint8Array(), signal)
    return outcome === 'written' ? 'proven' : compared(source, await mustLook(place, to, signal))
  }
  const blocks = blocksOf(place, sizeBytes)
  const md5 = await stage(place, { from, to, source, blocks }, signal)
  const isProven = md5 !== undefined && source.contentMD5 !== undefined && md5.equals(source.contentMD5)
  if (!isProven && unproven === 'refuse') return 'refused'
  // Kept beside the blob only where it is known to be that of its bytes.
  const sent: Sent = { sizeBytes, md5: isProven ? md5 : undefined }
  const outcome = await untilWritten(place, to, sent, signal, () => commit(place, to, blocks, sent, signal))
  if (outcome === 'taken') return compared(source, await mustLook(place, to, signal))
  return isProven ? 'proven' : 'made'
}

interface Block {
  readonly id: string
  readonly offsetBytes: number
  readonly sizeBytes: number
}

/** One as long as the server takes one of that size. */
const blockBytesMax = 4000 * MiB

function blocksOf({ world }: AzurePlace, sizeBytes: number): readonly Block[] {
  const writer = Buffer.from(world.randomBytes(8)).toString('hex')
  const each = sizeBytes <= blockBytesMax ? sizeBytes : 1 * GiB
  return Array.from({ length: Math.ceil(sizeBytes / each) }, (_, i) => ({
    id: Buffer.from(`${writer}-${String(i).padStart(6, '0')}`).toString('base64'),
    offsetBytes: i * each,
    sizeBytes: Math.min(each, sizeBytes - i * each),
  }))
}

interface Staging {
  readonly from: string
  readonly to: string
  readonly source: Found
  readonly blocks: readonly Block[]
}

/** The MD5 of the whole, where the server tells it. */
async function stage(
  place: AzurePlace,
  { from, to, source, blocks }: Staging,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const { url, sourceAuthorization } = await sourceOf(place, blobAt(place, from))
  let md5: Buffer | undefined
  const stageOne = async ({ id, offsetBytes, sizeBytes }: Block, stop: AbortSignal): Promise<void> => {
    const request: BlockBlobStageBlockFromURLOptions = {
      ...keyOf(place),
      ...scopeOf(place),
      ...(sourceAuthorization && { sourceAuthorization }),
      ...(source.etag !== undefined && { sourceConditions: { ifMatch: source.etag } }),
    }
    const send = () =>
      place.send(
        { what: `copying ${from} to ${to}`, sizeBytes, isSilent: true },
        ({ abortSignal }) =>
          blobAt(place, to).stageBlockFromURL(id, url, offsetBytes, sizeBytes, { abortSignal, ...request }),
        stop,
      )
    try {
      const { contentMD5 } = await place.retry(send, stop)
      if (blocks.length === 1 && contentMD5) md5 = Buffer.from(contentMD5)
    } catch (error) {
      if (await isMissing(place, error, stop)) throw missingObject(place.location, from)
      throw error
    }
  }
  await inParallel(blocks, limits.objectCopyPartsParallel, stageOne, signal)
  return md5
}

function commit(
  place: AzurePlace,
  to: string,
  blocks: readonly Block[],
  { md5 }: Sent,
  signal: AbortSignal,
): Promise<unknown> {
  return place.send(
    { what: `putting ${to} together` },
    ({ abortSignal }) =>
      blobAt(place, to).commitBlockList(
        blocks.map(({ id }) => id),
        { abortSignal, ...givenTo(place, to, md5) },
      ),
    signal,
  )
}

/** The server fetches the source as somebody who has to show a right to it: the very one that we have. */
async function sourceOf(
  { world }: AzurePlace,
  blob: BlockBlobClient,
): Promise<{ url: string; sourceAuthorization?: { scheme: string; value: string } }> {
  const { credential } = blob
  if (credential instanceof StorageSharedKeyCredential) {
    const nowMs = world.clock.now()
    const permissions = BlobSASPermissions.parse('r')
    // Begins earlier, since clocks differ.
    const [startsOn, expiresOn] = [new Date(nowMs - hour), new Date(nowMs + 6 * hour)]
    return { url: await blob.generateSasUrl({ permissions, startsOn, expiresOn }) }
  }
  // A SAS is part of the URL.
  if (credential instanceof AnonymousCredential || !('getToken' in credential)) return { url: blob.url }
  const token = await credential.getToken('https://storage.azure.com/.default')
  return { url: blob.url, sourceAuthorization: { scheme: 'Bearer', value: token?.token ?? '' } }
}

/** What is there already, with what was to be copied. */
function compared(source: Found, there: Found): CopyOutcome {
  if (source.contentLength !== there.contentLength) return 'different'
  if (!source.contentMD5 || !there.contentMD5) return 'taken'
  return Buffer.from(source.contentMD5).equals(there.contentMD5) ? 'proven' : 'different'
}

async function mustLook(place: AzurePlace, key: string, signal: AbortSignal): Promise<Found> {
  const found = await place.retry(() => lookAt(place, key, signal), signal)
  if (!found) throw missingObject(place.location, key)
  return found
}
