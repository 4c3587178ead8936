/**
 * One bucket of gcs-emulator-strict.ts that answers as Google's testbench (googleapis/storage-testbench) does. That is a
 * program in Python which can not be had here; what it does was read in its source. Where it differs from the
 * documentation:
 *
 * - what its format takes for nothing is left out: the size of an empty object, a class that was not asked for;
 * - an error lies as JSON in the message of another, and has words of its own;
 * - listings have one page, however many objects there are;
 * - generations are milliseconds, so two may be the same; versions never say that they ceased to be the live one, and what
 *   is deleted is gone;
 * - whether a key is free is looked at when an upload ends, and an upload that was refused then says that it was made;
 * - a checksum that is not that of the bytes is answered with 412, and at the end of an upload in chunks not looked at;
 * - an object is answered without its length, and copied a MiB at a time;
 * - of locks it knows nothing, not even the word.
 */
import { createHash } from 'node:crypto'
import { crc32c } from '@node-rs/crc32'
import {
  StrictError,
  compare,
  encodeCrc,
  json,
  partsOf,
  type StrictBucketOptions,
} from './gcs-emulator-bucket.ts'
import type { Reply, ServedBucket, StrictRequest } from './gcs-emulator-strict.ts'

type Answer = Partial<Reply> & { status: number }
type Resource = Record<string, unknown>

interface Version {
  readonly resource: Resource
  readonly bytes: Buffer
  readonly keyHash: string | undefined
}

interface Upload {
  readonly request: StrictRequest
  readonly description: Resource
  readonly pieces: Buffer[]
  sizeBytes: number
  made?: Resource
}

class TestbenchError extends StrictError {
  override told(): string {
    const message = JSON.stringify({ error: { errors: [{ domain: 'global', message: this.message }] } })
    return JSON.stringify({ error: { code: this.status, message } })
  }
}

/** What is not foreseen there is told as the place in its source. */
class Traceback extends StrictError {
  constructor(field: string) {
    super(
      500,
      `Traceback (most recent call last):\nParseError: Message type "Object" has no field "${field}"`,
    )
  }
}

export class TestbenchBucket implements ServedBucket {
  readonly #options: Pick<StrictBucketOptions, 'name' | 'versioned' | 'now'>
  readonly #endpoint: string
  /** By name and generation, in the order of their writing. */
  readonly #versions = new Map<string, Version>()
  readonly #live = new Map<string, string>()
  readonly #uploads = new Map<string, Upload>()
  readonly #copies = new Map<string, number>()
  #count = 0

  constructor(options: Pick<StrictBucketOptions, 'name' | 'versioned' | 'now'>, endpoint: string) {
    this.#options = options
    this.#endpoint = endpoint
  }

  get uploadsUnderWay(): number {
    return [...this.#uploads.values()].filter(({ made }) => !made).length
  }

  live(name: string): Version | undefined {
    return this.#versions.get(`${name}#${this.#live.get(name) ?? ''}`)
  }

  serve(request: StrictRequest, body: Buffer, keepBytes: number | undefined): Answer {
    const [, upload, bucket = '', name] =
      /^(\/upload)?\/storage\/v1\/b\/([^/]+)(?:\/o(?:\/(.+))?)?$/s.exec(decodeURIComponent(request.path)) ??
      []
    if (bucket !== (this.#options.name ?? 'bucket'))
      throw new TestbenchError(404, `Bucket ${bucket} does not exist.`)
    if (upload !== undefined) return this.#serveUpload(request, body, keepBytes)
    const [, source, target] = /^(.+)\/rewriteTo\/b\/[^/]+\/o\/(.+)$/s.exec(name ?? '') ?? []
    if (source !== undefined && target !== undefined) return this.#rewrite(request, source, target, body)
    if (name !== undefined) return this.#serveObject(request, name, body)
    if (request.path.endsWith('/o')) return this.#list(request.query)
    const { versioned = false } = this.#options
    return json({ kind: 'storage#bucket', name: bucket, versioning: versioned ? { enabled: true } : {} })
  }

  #serveUpload(request: StrictRequest, body: Buffer, keepBytes: number | undefined): Answer {
    const { method, query } = request
    if (method === 'POST' && query['uploadType'] === 'multipart') {
      const { description, bytes } = partsOf(request, body)
      const made = this.#made(request, description, bytes, 'multipart')
      this.#enter(request, made, bytes)
      return json(made)
    }
    if (method === 'POST') return this.#begin(request, body)
    const id = query['upload_id'] ?? ''
    const upload = this.#uploads.get(id)
    if (!upload) throw new TestbenchError(404, `Upload ${id} does not exist.`)
    if (method === 'DELETE') {
      this.#uploads.delete(id)
      return { status: 499 }
    }
    return upload.made ? json(upload.made) : this.#chunk(upload, request, body, keepBytes)
  }

  #begin(request: StrictRequest, body: Buffer): Answer {
    const description = JSON.parse(body.toString()) as Resource
    assertKnown(description)
    const id = `upload-${String(++this.#count)}`
    this.#uploads.set(id, { request, description, pieces: [], sizeBytes: 0 })
    const { name = 'bucket' } = this.#options
    const location = `${this.#endpoint}/upload/storage/v1/b/${name}/o?uploadType=resumable&upload_id=${id}`
    return { status: 200, headers: { location } }
  }

  #chunk(upload: Upload, request: StrictRequest, body: Buffer, keepBytes = body.length): Answer {
    const [, first, last, total] =
      /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(request.headers['content-range'] ?? '') ?? []
    if (first !== undefined) {
      // What is there already is passed over; what is missing before is not.
      const fresh = body.subarray(Math.max(0, upload.sizeBytes - Number(first)), keepBytes)
      upload.pieces.push(fresh)
      upload.sizeBytes += fresh.length
    }
    const isWhole =
      first === undefined ? Number(total) === upload.sizeBytes : Number(last) + 1 === Number(total)
    if (!isWhole || keepBytes < body.length) {
      const range = upload.sizeBytes > 1 ? { range: `bytes=0-${String(upload.sizeBytes - 1)}` } : {}
      return { status: 308, headers: range }
    }
    const bytes = Buffer.concat(upload.pieces)
    upload.made = this.#made(upload.request, upload.description, bytes, 'resumable')
    this.#enter(upload.request, upload.made, bytes)
    return json(upload.made)
  }

  #made({ query }: StrictRequest, description: Resource, bytes: Buffer, kind: string): Resource {
    assertKnown(description)
    const { crc32c: said, metadata, ...more } = description
    const own = encodeCrc(crc32c(bytes))
    if (said !== undefined && said !== own)
      throw new TestbenchError(
        412,
        `crc32c validation failed. Expected = ${JSON.stringify(said)} vs Actual = ${own}.`,
      )
    const nowMs = (this.#options.now ?? Date.now)()
    return {
      kind: 'storage#object',
      bucket: this.#options.name ?? 'bucket',
      ...more,
      name: query['name'] ?? description['name'],
      metadata: { ...(metadata as Resource), x_emulator_upload: kind, x_testbench_upload: kind },
      generation: String(nowMs),
      metageneration: '1',
      timeCreated: new Date(nowMs).toISOString().replace('Z', '123Z'),
      crc32c: own,
      md5Hash: createHash('md5').update(bytes).digest('base64'),
      ...(bytes.length > 0 && { size: String(bytes.length) }),
    }
  }

  #enter({ query, headers }: StrictRequest, resource: Resource, bytes: Buffer): void {
    const [name, generation] = [String(resource['name']), String(resource['generation'])]
    const there = this.#live.get(name)
    if (query['ifGenerationMatch'] === '0' && there !== undefined)
      throw new TestbenchError(412, `ifGenerationMatch validation failed. Expected = 0 vs Actual = ${there}.`)
    const keyHash = headers['x-goog-encryption-key-sha256']
    this.#versions.set(`${name}#${generation}`, { resource, bytes, keyHash })
    this.#live.set(name, generation)
  }

  #rewrite(request: StrictRequest, from: string, to: string, body: Buffer): Answer {
    const { rewriteToken, sourceGeneration } = request.query
    const source = this.#find(from, sourceGeneration)
    const token = rewriteToken ?? `token-${String(++this.#count)}`
    const copiedBytes = Math.min(source.bytes.length, (this.#copies.get(token) ?? 0) + 1024 * 1024)
    this.#copies.set(token, copiedBytes)
    const done = copiedBytes === source.bytes.length
    const answer = {
      kind: 'storage#rewriteResponse',
      totalBytesRewritten: String(copiedBytes),
      objectSize: String(source.bytes.length),
      done,
    }
    if (!done) return json({ ...answer, rewriteToken: token })
    const named = { ...request, query: { ...request.query, name: to } }
    const description = { ...source.resource, ...(JSON.parse(body.toString()) as Resource) }
    const resource = this.#made(named, description, source.bytes, 'rewrite')
    this.#enter(named, resource, source.bytes)
    return json({ ...answer, resource })
  }

  #serveObject(request: StrictRequest, name: string, body: Buffer): Answer {
    const { generation, alt } = request.query
    const found = this.#find(name, generation)
    if (request.method === 'DELETE') {
      this.#versions.delete(`${name}#${String(found.resource['generation'])}`)
      if (this.#live.get(name) === found.resource['generation']) this.#live.delete(name)
      return { status: 200 }
    }
    if (request.method === 'PATCH') {
      const change = JSON.parse(body.toString()) as Resource
      assertKnown(change)
      return json(Object.assign(found.resource, change))
    }
    if (alt !== 'media') return json(found.resource)
    if (found.keyHash !== request.headers['x-goog-encryption-key-sha256'])
      throw new TestbenchError(400, 'Missing a SHA256 hash of the encryption key.')
    return media(found, request.headers['range'])
  }

  #find(name: string, generation: string | undefined): Version {
    if (generation === undefined && !this.#live.has(name))
      throw new TestbenchError(404, `Live version of object bucket/${name} does not exist.`)
    const found = this.#versions.get(`${name}#${generation ?? this.#live.get(name) ?? ''}`)
    if (found) return found
    throw new TestbenchError(
      404,
      `Could not find object bucket/${name}#${String(generation)} does not exist.`,
    )
  }

  #list({ prefix = '', startOffset = '', versions, fields = '' }: Readonly<Record<string, string>>): Answer {
    const wanted = /\bitems\(([^)]*)\)/.exec(fields)?.[1]?.split(',')
    const items = [...this.#versions.values()]
      .map(({ resource }) => resource)
      .filter(({ name, generation }) => versions !== undefined || this.#live.get(String(name)) === generation)
      .filter(({ name }) => String(name).startsWith(prefix) && compare(String(name), startOffset) >= 0)
      .toSorted((a, b) => compare(String(a['name']), String(b['name'])))
      .map(item => Object.fromEntries(Object.entries(item).filter(([key]) => wanted?.includes(key) ?? true)))
    return json({ items })
  }
}

function assertKnown(given: Resource): void {
  if (given['retention'] !== undefined) throw new Traceback('retention')
}

function media({ resource, bytes }: Version, range: string | undefined): Answer {
  const [, first = '0', last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
  if (range !== undefined && Number(first) >= bytes.length)
    throw new TestbenchError(416, 'request range not satisfiable')
  const endBytes = last === undefined ? bytes.length : Number(last) + 1
  const headers = {
    'x-goog-hash': `crc32c=${String(resource['crc32c'])},md5=${String(resource['md5Hash'])}`,
    'x-goog-generation': String(resource['generation']),
    // The end that was asked for, be it past that of the object.
    'content-range': `bytes ${first}-${String(endBytes - 1)}/${String(bytes.length)}`,
  }
  const body = bytes.subarray(Number(first), endBytes)
  return { status: range === undefined ? 200 : 206, headers, body, isChunked: true }
}
