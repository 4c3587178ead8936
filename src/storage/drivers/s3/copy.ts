/**
 * Copies an object inside the server, as an upload in parts each of which the server takes from an object that it has. So
 * whatever its size, it is written once by the same means as everything else (s3/multipart.ts): by the condition at the
 * end where the server heeds it, by a claim where it does not. CopyObject has neither everywhere, and ends at 5 GiB.
 *
 * The proof: the parts are cut where those of the source were, so their ETags, which the server makes from the bytes it
 * wrote, add up to the ETag of the source. Where ETags are no hashes (keys of a key service, keys of the customer), they do
 * not, and nothing is proven.
 */
import type { CopyOutcome, Unproven } from '../../second-ports.ts'
import { Fault } from '../../../base/fault.ts'
import { inParallel } from '../../../base/in-parallel.ts'
import { limits } from '../../../base/limits.ts'
import { GiB } from '../../../base/units.ts'
import { createHash } from 'node:crypto'
import { partSizeBytes } from '../object/part-sizes.ts'
import { isStatus, objectMissingFault } from './faults.ts'
import type { Looked } from './look.ts'
import { Multipart, type CopiedPart } from './multipart.ts'
import { putWhole } from './put.ts'
import type { Writing } from './writing.ts'

export async function copyObject(
  writing: Writing,
  from: string,
  to: string,
  unproven: Unproven,
  signal: AbortSignal,
): Promise<CopyOutcome> {
  const source = await mustLook(writing, from, signal)
  const there = await look(writing, to, signal)
  if (there) return compared(source, there)
  // Servers copy no empty part.
  if (source.info.sizeBytes === 0) {
    const outcome = await putWhole(writing, to, new Uint8Array(), signal)
    return outcome === 'written' ? 'proven' : compared(source, await mustLook(writing, to, signal))
  }
  const upload = new Multipart(writing, to)
  await upload.begin(signal)
  try {
    const isProven = await copyParts(writing, upload, from, source, signal)
    if (!isProven && unproven === 'refuse') {
      await upload.discard()
      return 'refused'
    }
    const outcome = await upload.finish(source.info.sizeBytes, signal)
    if (outcome === 'taken') return compared(source, await mustLook(writing, to, signal))
    return isProven ? 'proven' : 'made'
  } catch (error) {
    await upload.discard().catch(() => undefined)
    throw isStatus(error, 412) ? changedMeanwhile(writing, from, error) : error
  }
}

/** Whether the server's own hashes of the parts it wrote add up to the source's. */
async function copyParts(
  { api: { place }, parameters }: Writing,
  upload: Multipart,
  from: string,
  { info: { sizeBytes }, etag }: Looked,
  signal: AbortSignal,
): Promise<boolean> {
  const parts = partsOf(sizeBytes, etag)
  const [isOne, customer] = [parts.length === 1, parameters.customerKey]
  const request = {
    CopySource: `${place.bucket}/${place.full(from).split('/').map(encodeURIComponent).join('/')}`,
    ...(etag === undefined ? {} : { CopySourceIfMatch: etag }),
    ...(customer.SSECustomerKey === undefined
      ? {}
      : {
          CopySourceSSECustomerAlgorithm: customer.SSECustomerAlgorithm,
          CopySourceSSECustomerKey: customer.SSECustomerKey,
          CopySourceSSECustomerKeyMD5: customer.SSECustomerKeyMD5,
        }),
  }
  const etags: string[] = []
  const copy = async (index: number, stop: AbortSignal): Promise<void> => {
    const { startBytes, endBytes } = parts[index] ?? { startBytes: 0, endBytes: 0 }
    const CopySourceRange = `bytes=${String(startBytes)}-${String(endBytes - 1)}`
    const part: CopiedPart = {
      request: isOne ? request : { ...request, CopySourceRange },
      sizeBytes: endBytes - startBytes,
    }
    etags[index] = await upload.copyPart(index, part, stop)
  }
  await inParallel(parts.keys(), limits.objectCopyPartsParallel, copy, signal)
  return isSame(etag, isOne ? etags[0] : compositeOf(etags)) || isSame(etag, compositeOf(etags))
}

/** As the source was written, as far as its ETag tells; else as few as there can be. */
function partsOf(
  sizeBytes: number,
  etag: string | undefined,
): readonly { readonly startBytes: number; readonly endBytes: number }[] {
  const count = Number(/-(\d+)"?$/.exec(etag ?? '')?.[1] ?? '0')
  const likeOurs = cut(sizeBytes, partSizeBytes)
  if (likeOurs.length === count) return likeOurs
  return cut(sizeBytes, () => (sizeBytes <= partBytesMax ? sizeBytes : 1 * GiB))
}

/** What servers copy in one request. */
const partBytesMax = 5 * GiB

function cut(
  sizeBytes: number,
  sizeOf: (index: number) => number,
): readonly { readonly startBytes: number; readonly endBytes: number }[] {
  const parts: { startBytes: number; endBytes: number }[] = []
  for (let startBytes = 0; startBytes < sizeBytes;) {
    const endBytes = Math.min(sizeBytes, startBytes + sizeOf(parts.length))
    parts.push({ startBytes, endBytes })
    startBytes = endBytes
  }
  return parts
}

/** The ETag of an upload whose parts have these. */
function compositeOf(etags: readonly string[]): string | undefined {
  const hashes = etags.map(etag => /^"?([0-9a-f]{32})"?$/.exec(etag)?.[1])
  if (hashes.some(hash => hash === undefined)) return undefined
  const bytes = Buffer.from(hashes.join(''), 'hex')
  return `${createHash('md5').update(bytes).digest('hex')}-${String(etags.length)}`
}

const bare = (etag: string | undefined): string | undefined => etag?.replaceAll('"', '')

function isSame(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && a !== '' && bare(a) === bare(b)
}

/** What is there already, with what was to be copied. */
function compared(source: Looked, there: Looked): CopyOutcome {
  if (source.info.sizeBytes !== there.info.sizeBytes) return 'different'
  const [one, other] = [source.etag, there.etag]
  const asOnePart = one === undefined ? undefined : compositeOf([one])
  return isSame(one, other) || isSame(asOnePart, other) ? 'proven' : 'taken'
}

function look({ api, looker }: Writing, key: string, signal: AbortSignal): Promise<Looked | undefined> {
  return api.retry(() => looker.look(key, signal), signal)
}

async function mustLook(writing: Writing, key: string, signal: AbortSignal): Promise<Looked> {
  const found = await look(writing, key, signal)
  if (!found) throw objectMissingFault(writing.api.place.location, key)
  return found
}

function changedMeanwhile({ api: { place } }: Writing, key: string, cause: unknown): Fault {
  return new Fault('OBJECT_CORRUPT', `${place.location}/${key} was changed while it was being copied`, {
    hint: 'Find out who writes there besides Holdfast: objects of a repository are never changed.',
    cause,
  })
}
