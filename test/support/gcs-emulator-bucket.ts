/** One bucket of gcs-emulator-strict.ts: its objects with their versions, and the uploads under way. */
import { crc32c } from '@node-rs/crc32'
import type { Reply, ServedBucket, StrictRequest } from './gcs-emulator-strict.ts'

export interface StrictBucketOptions {
  readonly name?: string
  readonly versioned?: boolean
  /** Objects may have retention of their own. */
  readonly retention?: boolean
  /** Bytes are checked and counted, and not kept: for large objects. */
  readonly forgetful?: boolean
  /** Every answer about an object has this checksum instead of its own. */
  readonly wrongChecksum?: string
  readonly now?: () => number
  readonly pageSize?: number
}

export class StrictError extends Error {
  readonly status: number
  readonly #reason: string

  constructor(status: number, message: string, reason = 'other') {
    super(message)
    this.status = status
    this.#reason = reason
  }

  /** Who asks for an object's bytes is told in plain words. */
  told(isMedia: boolean): string {
    const { status: code, message } = this
    if (isMedia) return message
    return JSON.stringify({ error: { code, message, errors: [{ message, reason: this.#reason }] } })
  }
}

export interface StrictVersion {
  readonly resource: Record<string, unknown>
  readonly bytes: Buffer
  readonly keyHash: string | undefined
}

interface Upload {
  readonly request: StrictRequest
  readonly description: Record<string, unknown>
  pieces: Buffer[]
  sizeBytes: number
  crc: number
  /** Of the object that it became: asked again, an upload that has ended says so. */
  made?: Record<string, unknown>
}

export class StrictBucket implements ServedBucket {
  readonly #options: StrictBucketOptions
  readonly #endpoint: string
  readonly #objects = new Map<string, StrictVersion[]>()
  readonly #uploads = new Map<string, Upload>()
  #generation = 1_000

  constructor(options: StrictBucketOptions, endpoint: string) {
    this.#options = options
    this.#endpoint = endpoint
  }

  get name(): string {
    return this.#options.name ?? 'bucket'
  }

  get uploadsUnderWay(): number {
    return [...this.#uploads.values()].filter(({ made }) => !made).length
  }

  live(name: string): StrictVersion | undefined {
    return this.#objects.get(name)?.find(({ resource }) => resource['timeDeleted'] === undefined)
  }

  serve(
    request: StrictRequest,
    body: Buffer,
    keepBytes: number | undefined,
  ): Partial<Reply> & { status: number } {
    const [, upload, bucket, name] =
      /^(\/upload)?\/storage\/v1\/b\/([^/]+)(?:\/o(?:\/(.+))?)?$/.exec(request.path) ?? []
    if (bucket === undefined) throw new StrictError(404, 'Not Found')
    const [, source, target] = /^(.+)\/rewriteTo\/b\/[^/]+\/o\/(.+)$/.exec(name ?? '') ?? []
    if (source !== undefined && target !== undefined)
      return json(this.#rewrite(request, decodeURIComponent(source), decodeURIComponent(target), body))
    if (bucket !== this.name) throw new StrictError(404, 'The specified bucket does not exist.', 'notFound')
    if (upload !== undefined) return this.#serveUpload(request, body, keepBytes)
    if (name !== undefined) return this.#serveObject(request, decodeURIComponent(name), body)
    if (request.path.endsWith('/o')) return json(this.#list(request.query))
    return json({
      versioning: { enabled: this.#options.versioned === true },
      ...(this.#options.retention === true && { objectRetention: { mode: 'Enabled' } }),
    })
  }

  #serveUpload(
    request: StrictRequest,
    body: Buffer,
    keepBytes: number | undefined,
  ): Partial<Reply> & { status: number } {
    const { method, query } = request
    const id = query['upload_id']
    if (method === 'POST' && query['uploadType'] === 'multipart') return json(this.#multipart(request, body))
    if (method === 'POST') return this.#begin(request, body)
    const upload = this.#uploads.get(id ?? '')
    if (!upload || id === undefined) throw new StrictError(404, 'Upload not found', 'notFound')
    if (upload.made) return json(upload.made)
    if (method === 'DELETE') {
      this.#uploads.delete(id)
      return { status: 499 }
    }
    return this.#chunk(upload, request, body, keepBytes)
  }

  #multipart(request: StrictRequest, body: Buffer): Record<string, unknown> {
    const { description, bytes } = partsOf(request, body)
    return this.#insert(request, description, [bytes], bytes.length, crc32c(bytes), description['crc32c'])
  }

  #begin(request: StrictRequest, body: Buffer): Partial<Reply> & { status: number } {
    const description = JSON.parse(body.toString()) as Record<string, unknown>
    this.#assertCondition(request)
    this.#assertLockable(description)
    const id = `upload-${String(this.#generation++)}`
    this.#uploads.set(id, { request, description, pieces: [], sizeBytes: 0, crc: 0 })
    const location = `${this.#endpoint}/upload/storage/v1/b/${this.name}/o?uploadType=resumable&upload_id=${id}`
    return { status: 200, headers: { location } }
  }

  #chunk(
    upload: Upload,
    request: StrictRequest,
    body: Buffer,
    keepBytes: number | undefined,
  ): Partial<Reply> & { status: number } {
    const [, first, last, total] =
      /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(request.headers['content-range'] ?? '') ?? []
    if (first !== undefined) {
      const isLast = Number(last) + 1 === Number(total)
      if (Number(last) + 1 - Number(first) !== body.length)
        throw new StrictError(400, 'Content-Range is not the length')
      if (Number(first) !== upload.sizeBytes) throw new StrictError(503, 'bytes are missing before these')
      if (!isLast && body.length % (256 * 1024) !== 0) throw new StrictError(400, 'not a multiple of 256 KiB')
      const kept = body.subarray(0, keepBytes ?? body.length)
      if (this.#options.forgetful !== true) upload.pieces.push(kept)
      upload.sizeBytes += kept.length
      upload.crc = crc32c(kept, upload.crc)
    }
    if (total === '*' || Number(total) !== upload.sizeBytes) {
      const range = upload.sizeBytes === 0 ? {} : { range: `bytes=0-${String(upload.sizeBytes - 1)}` }
      return { status: 308, headers: range }
    }
    const said = /crc32c=(.+)/.exec(request.headers['x-goog-hash'] ?? '')?.[1]
    const { pieces, sizeBytes, crc, description } = upload
    upload.made = this.#insert(upload.request, description, pieces, sizeBytes, crc, said)
    upload.pieces = []
    return json(upload.made)
  }

  #insert(
    request: StrictRequest,
    description: Record<string, unknown>,
    pieces: readonly Buffer[],
    size: number,
    crc: number,
    said: unknown,
  ): Record<string, unknown> {
    const name = request.query['name'] ?? String(description['name'])
    this.#assertCondition(request)
    this.#assertLockable(description)
    const own = encodeCrc(crc)
    if (said !== undefined && said !== own)
      throw new StrictError(
        400,
        `Provided CRC32C ${JSON.stringify(said)} doesn't match calculated CRC32C "${own}".`,
      )
    const versions = this.#objects.get(name) ?? []
    this.#retire(name)
    const resource = {
      storageClass: 'STANDARD',
      ...description,
      name,
      size: String(size),
      crc32c: this.#options.wrongChecksum ?? own,
      generation: String(this.#generation++),
      metageneration: '1',
      timeCreated: new Date(this.#now()).toISOString(),
      kmsKeyName: request.query['kmsKeyName'],
    }
    const keyHash = request.headers['x-goog-encryption-key-sha256']
    this.#objects.set(name, [...versions, { resource, bytes: Buffer.concat(pieces), keyHash }])
    return resource
  }

  /** Larger ones take several calls, as they do between classes. */
  #rewrite(request: StrictRequest, from: string, to: string, body: Buffer): Record<string, unknown> {
    const found = this.live(from)
    if (!found) throw new StrictError(404, `No such object: ${this.name}/${from}`, 'notFound')
    const objectSize = String(found.resource['size'])
    if (found.bytes.length > 1024 * 1024 && request.query['rewriteToken'] === undefined)
      return { done: false, rewriteToken: 'more', totalBytesRewritten: '1048576', objectSize }
    const description = JSON.parse(body.toString()) as Record<string, unknown>
    const named = { ...request, query: { ...request.query, name: to } }
    const { bytes } = found
    const resource = this.#insert(named, description, [bytes], bytes.length, crc32c(bytes), undefined)
    return { done: true, totalBytesRewritten: objectSize, objectSize, resource }
  }

  #assertCondition({ query }: StrictRequest): void {
    if (query['ifGenerationMatch'] === '0' && this.live(query['name'] ?? ''))
      throw new StrictError(
        412,
        'At least one of the pre-conditions you specified did not hold.',
        'conditionNotMet',
      )
  }

  #serveObject(request: StrictRequest, name: string, body: Buffer): Partial<Reply> & { status: number } {
    const { generation, alt } = request.query
    const found = this.#objects
      .get(name)
      ?.find(version =>
        generation === undefined
          ? version === this.live(name)
          : version.resource['generation'] === generation,
      )
    if (!found) throw new StrictError(404, `No such object: ${this.name}/${name}`, 'notFound')
    if (request.method === 'DELETE') return this.#delete(name, found)
    if (request.method === 'PATCH')
      return json(this.#patch(found, JSON.parse(body.toString()) as Record<string, unknown>))
    if (alt !== 'media') return json(found.resource)
    if (found.keyHash !== request.headers['x-goog-encryption-key-sha256'])
      throw new StrictError(400, 'The target object is encrypted by a customer-supplied encryption key.')
    return media(found, request.headers['range'])
  }

  #delete(name: string, found: StrictVersion): Partial<Reply> & { status: number } {
    const { retainUntilTime = 0 } = (found.resource['retention'] ?? {}) as { retainUntilTime?: string }
    if (new Date(retainUntilTime).getTime() > this.#now())
      throw new StrictError(403, `Object '${name}' is subject to object retention.`, 'retentionPolicyNotMet')
    this.#retire(name)
    return { status: 204 }
  }

  #patch({ resource }: StrictVersion, change: Record<string, unknown>): Record<string, unknown> {
    this.#assertLockable(change)
    return Object.assign(resource, change, { metageneration: String(Number(resource['metageneration']) + 1) })
  }

  #assertLockable(given: Record<string, unknown>): void {
    if (given['retention'] !== undefined && this.#options.retention !== true)
      throw new StrictError(400, 'Object retention is not enabled for this bucket.', 'invalid')
  }

  #retire(name: string): void {
    const live = this.live(name)
    if (live) live.resource['timeDeleted'] = new Date(this.#now()).toISOString()
    if (live && this.#options.versioned !== true) this.#objects.delete(name)
  }

  #list(query: Readonly<Record<string, string>>): Record<string, unknown> {
    const { prefix = '', startOffset = '', pageToken = '', versions } = query
    const max = Math.min(Number(query['maxResults'] ?? 1000), this.#options.pageSize ?? 1000)
    const all = [...this.#objects]
      .filter(([name]) => name.startsWith(prefix) && compare(name, startOffset) >= 0)
      .toSorted(([a], [b]) => compare(a, b))
      .flatMap(([, found]) => found.map(({ resource }) => resource))
      .filter(resource => versions === 'true' || resource['timeDeleted'] === undefined)
    const start = Number(pageToken)
    const items = all.slice(start, start + max)
    return { items, ...(start + max < all.length && { nextPageToken: String(start + max) }) }
  }

  #now(): number {
    return (this.#options.now ?? Date.now)()
  }
}

function media(
  { resource, bytes }: StrictVersion,
  range: string | undefined,
): Partial<Reply> & { status: number } {
  const headers = {
    'x-goog-hash': `crc32c=${String(resource['crc32c'])}`,
    'x-goog-generation': String(resource['generation']),
  }
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? []
  if (first === undefined) return { status: 200, headers, body: bytes }
  if (Number(first) >= bytes.length) throw new StrictError(416, 'The requested range cannot be satisfied.')
  const end = Math.min(bytes.length, last === '' ? bytes.length : Number(last) + 1)
  // As Google's own testbench has it: the end that was asked for, be it past that of the object.
  const contentRange = `bytes ${first}-${last === '' ? String(end - 1) : String(last)}/${String(bytes.length)}`
  return {
    status: 206,
    headers: { ...headers, 'content-range': contentRange },
    body: bytes.subarray(Number(first), end),
  }
}

/** The description and the bytes of an upload in one request. */
export function partsOf(
  { headers }: StrictRequest,
  body: Buffer,
): { readonly description: Record<string, unknown>; readonly bytes: Buffer } {
  const boundary = /boundary=(.+)$/.exec(headers['content-type'] ?? '')?.[1] ?? ''
  const [head, media] = body.toString('latin1').split(`--${boundary}`).slice(1, 3)
  const contentOf = (part = ''): Buffer => Buffer.from(part.slice(part.indexOf('\r\n\r\n') + 4, -2), 'latin1')
  const description = JSON.parse(contentOf(head).toString()) as Record<string, unknown>
  return { description, bytes: contentOf(media) }
}

export function encodeCrc(crc: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc >>> 0)
  return bytes.toString('base64')
}

export function json(document: Record<string, unknown>): Partial<Reply> & { status: number } {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(document) }
}

export const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
