/**
 * What azurite can not show: versions, immutability, keys and faults. The SDK is real; the server is one of this test,
 * which records what is asked and answers as the documentation of the REST API says.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { afterEach, describe, expect, test } from 'vitest'
import { MiB, pattern } from '../../../test/contract/tools.ts'
import { freePort } from '../../../test/support/node-server.ts'
import { makeCertificate, type OwnCertificate } from '../../../test/support/own-certificate.ts'
import { isFault, type FaultCode } from '../../base/fault.ts'
import { hour } from '../../base/units.ts'
import { systemWorld, type World } from '../../base/world.ts'
import type { StorageDescription } from '../open.ts'
import { bodyOf, type Storage } from '../storage.ts'
import { openAzureStorage } from './azure.ts'

const signal = new AbortController().signal
const real = systemWorld()
/** Pauses before retries are twenty times as short; limits of time are what they are. */
const world: World = {
  ...real,
  clock: {
    ...real.clock,
    monotonicMs: () => real.clock.monotonicMs() * 20,
    sleep: (ms, stop) => real.clock.sleep(ms < 30_000 ? ms / 20 : ms, stop),
  },
}

interface Seen {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

interface Answer {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  /** The connection is cut after so many bytes of the body. */
  readonly cutAfterBytes?: number
}

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

async function serve(
  answer: (seen: Seen) => Answer,
  certificate?: OwnCertificate,
): Promise<{ endpoint: string; seen: Seen[] }> {
  const port = await freePort()
  const seen: Seen[] = []
  const listener = (message: IncomingMessage, response: ServerResponse): void => {
    void take(message).then(request => {
      seen.push(request)
      reply(response, answer(request))
    })
  }
  const server = certificate ? createTlsServer(certificate, listener) : createServer(listener)
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  stops.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { endpoint: `http${certificate ? 's' : ''}://127.0.0.1:${String(port)}/gathr`, seen }
}

async function take(message: IncomingMessage): Promise<Seen> {
  const url = new URL(message.url ?? '/', 'http://server')
  const body = Buffer.concat(await Array.fromAsync(message as AsyncIterable<Buffer>))
  return {
    method: message.method ?? '',
    path: decodeURIComponent(url.pathname),
    query: url.searchParams,
    headers: message.headers,
    body,
  }
}

function reply(response: ServerResponse, { status, headers = {}, body = '', cutAfterBytes }: Answer): void {
  const bytes = Buffer.from(body as string)
  response.writeHead(status, { etag: '"1"', 'content-length': String(bytes.length), ...headers })
  if (cutAfterBytes === undefined) response.end(bytes)
  else response.write(bytes.subarray(0, cutAfterBytes), () => response.destroy())
}

function open(endpoint: string, more: Partial<StorageDescription> = {}): Promise<Storage> {
  const url = 'az://backups/p'
  const credentials = { kind: 'text', text: randomBytes(64).toString('base64') } as const
  return openAzureStorage(
    new URL(url),
    { url, ...more, access: { endpoint, credentials, ...more.access } },
    world,
  )
}

const refusal = (status: number, code: string): Answer => ({
  status,
  headers: { 'x-ms-error-code': code, 'content-type': 'application/xml' },
  body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code} it is.</Message></Error>`,
})
const body = (text: string) => bodyOf(Buffer.from(text))
const md5Of = (text: string) => createHash('md5').update(text).digest('base64')
const fault =
  (...codes: readonly FaultCode[]) =>
  (error: unknown) =>
    isFault(error, ...codes)
const read = async (storage: Storage, key: string) =>
  Buffer.concat(await Array.fromAsync(storage.get(key, undefined, signal)))

describe('a write', () => {
  const properties = (text: string): Answer => ({
    status: 200,
    headers: { 'content-length': String(text.length), 'content-md5': md5Of(text) },
  })

  test('carries its condition, its checksum, and what the rules give it', async () => {
    const { endpoint, seen } = await serve(({ method }) =>
      method === 'HEAD' ? properties('x') : { status: 201 },
    )
    const storage = await open(endpoint, {
      rules: [
        {
          pattern: 'wal/**',
          storageClass: 'Cool',
          tags: { team: 'data' },
          lock: { mode: 'compliance', forMs: hour },
        },
      ],
    })
    expect(await storage.put('wal/1', body('x'), signal)).toBe('written')
    expect(seen[0]?.path).toBe('/gathr/backups/p/wal/1')
    expect(seen[0]?.headers).toMatchObject({
      'if-none-match': '*',
      'content-md5': md5Of('x'),
      'x-ms-blob-content-md5': md5Of('x'),
      'x-ms-access-tier': 'Cool',
      'x-ms-tags': 'team=data',
      'x-ms-immutability-policy-mode': 'Locked',
    })
    expect(Date.parse(String(seen[0]?.headers['x-ms-immutability-policy-until-date']))).toBeGreaterThan(
      Date.now(),
    )
  })

  test('with a key of the vault goes into its encryption scope', async () => {
    const { endpoint, seen } = await serve(({ method }) =>
      method === 'HEAD' ? properties('x') : { status: 201 },
    )
    const storage = await open(endpoint, {
      access: { serverSideEncryption: { kind: 'kms', keyId: 'backups' } },
    })
    await storage.put('a', body('x'), signal)
    expect(seen[0]?.headers['x-ms-encryption-scope']).toBe('backups')
  })

  test('with a key of ours shows it to the server that the certificates vouch for, and to no other', async () => {
    const certificate = await makeCertificate()
    const answer = ({ method }: Seen): Answer => (method === 'HEAD' ? properties('x') : { status: 201 })
    const { endpoint, seen } = await serve(answer, certificate)
    const keyBase64 = randomBytes(32).toString('base64')
    const serverSideEncryption = { kind: 'customer-key', keyBase64 } as const
    const unknown = await open(endpoint, { access: { serverSideEncryption } })
    await expect(unknown.put('a', body('x'), signal)).rejects.toSatisfy(fault('CONFIG_INVALID'))
    const known = await open(endpoint, { access: { serverSideEncryption, certificates: certificate.cert } })
    expect(await known.put('a', body('x'), signal)).toBe('written')
    expect(seen.map(({ headers }) => headers['x-ms-encryption-key'])).toEqual([keyBase64, keyBase64])
    const plain = endpoint.replace('https:', 'http:')
    await expect(open(plain, { access: { serverSideEncryption } })).rejects.toSatisfy(fault('CONFIG_INVALID'))
  })

  test('that was answered with success and is not there, or is other bytes, is a fault', async () => {
    const lost = await serve(({ method }) =>
      method === 'HEAD' ? refusal(404, 'BlobNotFound') : { status: 201 },
    )
    await expect((await open(lost.endpoint)).put('a', body('x'), signal)).rejects.toSatisfy(
      fault('STORAGE_UNAVAILABLE'),
    )
    const other = await serve(({ method }) => (method === 'HEAD' ? properties('y') : { status: 201 }))
    await expect((await open(other.endpoint)).put('a', body('x'), signal)).rejects.toSatisfy(
      fault('OBJECT_CORRUPT'),
    )
  })

  test('of blocks is put together again when the answer was lost, and knows its own', async () => {
    let commits = 0
    const bytes = pattern(17 * MiB)
    const { endpoint, seen } = await serve(({ method, query }) => {
      if (method === 'HEAD')
        return {
          status: 200,
          headers: {
            'content-length': String(bytes.length),
            'content-md5': createHash('md5').update(bytes).digest('base64'),
          },
        }
      if (query.get('comp') !== 'blocklist') return { status: 201 }
      return ++commits === 1 ? { status: 500 } : refusal(409, 'BlobAlreadyExists')
    })
    const writer = await (await open(endpoint)).create('a', signal)
    await writer.write(bytes)
    expect(await writer.commit()).toBe('written')
    const blocks = seen.filter(({ query }) => query.get('comp') === 'block')
    expect(blocks.every(({ headers }) => headers['content-md5'] !== undefined)).toBe(true)
    expect(seen.find(({ query }) => query.get('comp') === 'blocklist')?.headers['if-none-match']).toBe('*')
  })

  test('two writers of one name do not share the names of their blocks', async () => {
    const { endpoint, seen } = await serve(() => ({ status: 201 }))
    const storage = await open(endpoint)
    for (let i = 0; i < 2; i++) {
      const writer = await storage.create('a', signal)
      await writer.write(pattern(9 * MiB))
      await writer.abort()
    }
    const ids = seen.map(({ query }) => query.get('blockid'))
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe('answers', () => {
  test.each([
    [403, 'AuthenticationFailed', 'STORAGE_CREDENTIALS'],
    [401, 'InvalidAuthenticationInfo', 'STORAGE_CREDENTIALS'],
    [403, 'AuthorizationPermissionMismatch', 'STORAGE_DENIED'],
    [404, 'ContainerNotFound', 'REPOSITORY_MISSING'],
    [409, 'ContainerBeingDeleted', 'REPOSITORY_MISSING'],
    [503, 'ServerBusy', 'STORAGE_THROTTLED'],
    [429, 'TooManyRequests', 'STORAGE_THROTTLED'],
    [500, 'OperationTimedOut', 'STORAGE_UNAVAILABLE'],
    [409, 'BlobArchived', 'OBJECT_COLD'],
  ] as const)('%d %s is %s, in every method', async (status, code, expected) => {
    const { endpoint } = await serve(() => refusal(status, code))
    const storage = await open(endpoint)
    await expect(storage.put('a', body('x'), signal)).rejects.toSatisfy(fault(expected))
    await expect(storage.stat('a', signal)).rejects.toSatisfy(fault(expected))
    await expect(read(storage, 'a')).rejects.toSatisfy(fault(expected))
    await expect(Array.fromAsync(storage.list('', signal))).rejects.toSatisfy(fault(expected))
    await expect(storage.delete(['a'], signal)).rejects.toSatisfy(fault(expected))
  })

  test('what a lock protects is told as that', async () => {
    const { endpoint } = await serve(() => refusal(409, 'BlobImmutableDueToPolicy'))
    await expect((await open(endpoint)).delete(['a'], signal)).rejects.toSatisfy(fault('OBJECT_LOCKED'))
  })

  test('a 404 that does not say what is missing counts only when the container shows itself', async () => {
    const there = await serve(({ query }) =>
      query.get('comp') === 'list' ? listing([]) : { status: 404, body: 'nothing here' },
    )
    expect(await (await open(there.endpoint)).stat('a', signal)).toBeUndefined()
    const nowhere = await serve(() => ({ status: 404, body: 'nothing here' }))
    await expect((await open(nowhere.endpoint)).stat('a', signal)).rejects.toThrow()
    await expect(read(await open(nowhere.endpoint), 'a')).rejects.not.toSatisfy(fault('OBJECT_MISSING'))
  })

  test('a body that breaks off is never a short read', async () => {
    const bytes = pattern(100_000)
    let reads = 0
    const whole: Answer = {
      status: 206,
      headers: { 'content-range': `bytes 0-${String(bytes.length - 1)}/${String(bytes.length)}` },
      body: bytes,
    }
    const { endpoint } = await serve(() => (++reads === 1 ? { ...whole, cutAfterBytes: 5_000 } : whole))
    expect((await read(await open(endpoint), 'a')).equals(bytes)).toBe(true)
    const always = await serve(() => ({ ...whole, cutAfterBytes: 5_000 }))
    await expect(read(await open(always.endpoint), 'a')).rejects.toSatisfy(fault('STORAGE_UNAVAILABLE'))
  })

  test('bytes that do not have the checksum that came with them are asked for again', async () => {
    const bytes = pattern(1_000)
    const md5 = createHash('md5').update(bytes).digest('base64')
    let reads = 0
    const { endpoint } = await serve(() => ({
      status: 206,
      headers: { 'content-range': 'bytes 0-999/1000', 'content-md5': md5 },
      body: ++reads === 1 ? Buffer.alloc(1_000) : bytes,
    }))
    expect((await read(await open(endpoint), 'a')).equals(bytes)).toBe(true)
  })

  test('no secret is in what is said', async () => {
    const sas = 'sv=2024-01-01&sig=very%2Bsecret'
    const { endpoint } = await serve(() => refusal(403, 'AuthenticationFailed'))
    const storage = await open(endpoint, { access: { credentials: { kind: 'text', text: sas } } })
    const error: unknown = await storage.stat('a', signal).catch((thrown: unknown) => thrown)
    expect(isFault(error) && `${error.message} ${error.hint}`).not.toContain('secret')
    expect(storage.location).toBe('az://backups/p')
  })
})

describe('locks', () => {
  const until = { mode: 'compliance', untilMs: Date.parse('2030-01-01T00:00:00Z') } as const
  const found = (mode?: string, date = 'Tue, 01 Jan 2029 00:00:00 GMT'): Answer => ({
    status: 200,
    headers: {
      'content-length': '1',
      ...(mode !== undefined && {
        'x-ms-immutability-policy-mode': mode,
        'x-ms-immutability-policy-until-date': date,
      }),
    },
  })

  test('retain sets a policy, extends it, and never shortens it', async () => {
    let current = found()
    const { endpoint, seen } = await serve(({ method }) => (method === 'HEAD' ? current : { status: 200 }))
    const storage = await open(endpoint)
    await storage.retain('a', until, signal)
    expect(seen.at(-1)?.query.get('comp')).toBe('immutabilityPolicies')
    expect(seen.at(-1)?.headers).toMatchObject({
      'x-ms-immutability-policy-mode': 'Locked',
      'x-ms-immutability-policy-until-date': 'Tue, 01 Jan 2030 00:00:00 GMT',
    })
    current = found('locked')
    await storage.retain('a', { ...until, mode: 'governance' }, signal)
    expect(seen.at(-1)?.headers).toMatchObject({ 'x-ms-immutability-policy-mode': 'Locked' })
    current = found('locked', 'Wed, 01 Jan 2031 00:00:00 GMT')
    const count = seen.length
    await storage.retain('a', until, signal)
    expect(seen.slice(count).map(({ method }) => method)).toEqual(['HEAD'])
  })

  test('a container without them says so', async () => {
    const { endpoint } = await serve(({ method }) =>
      method === 'HEAD' ? found() : refusal(409, 'ImmutableStorageWithVersioningNotEnabled'),
    )
    await expect((await open(endpoint)).retain('a', until, signal)).rejects.toSatisfy(
      fault('STORAGE_UNSUPPORTED'),
    )
  })
})

describe('as of a time', () => {
  test('of each blob the newest version that is not younger is listed and read', async () => {
    const then = Date.parse('2026-03-01T12:00:00Z')
    const versions = [
      ['p/a', '2026-03-01T01:00:00.0000000Z', '3'],
      ['p/a', '2026-03-02T01:00:00.0000000Z', '4'],
      ['p/ab', '2026-03-01T02:00:00.0000000Z', '5'],
      ['p/new', '2026-03-03T00:00:00.0000000Z', '6'],
    ] as const
    const { endpoint, seen } = await serve(({ query }) =>
      query.get('comp') === 'list'
        ? listing(versions.filter(([name]) => name.startsWith(query.get('prefix') ?? '')))
        : { status: 206, headers: { 'content-range': 'bytes 0-2/3' }, body: 'old' },
    )
    const storage = await open(endpoint, { asOfMs: then })
    const listed = await Array.fromAsync(storage.list('', signal))
    expect(listed.map(({ key, sizeBytes }) => [key, sizeBytes])).toEqual([
      ['a', 3],
      ['ab', 5],
    ])
    expect(await storage.stat('a', signal)).toMatchObject({ sizeBytes: 3 })
    expect(await storage.stat('new', signal)).toBeUndefined()
    expect((await read(storage, 'a')).toString()).toBe('old')
    expect(seen.at(-1)?.query.get('versionid')).toBe('2026-03-01T01:00:00.0000000Z')
    expect(seen[0]?.query.get('include')).toBe('versions')
    await expect(storage.put('b', body('x'), signal)).rejects.toSatisfy(fault('STORAGE_UNSUPPORTED'))
  })
})

function listing(versions: readonly (readonly [string, string, string])[]): Answer {
  const blobs = versions
    .map(
      ([name, version, size]) =>
        `<Blob><Name>${name}</Name><VersionId>${version}</VersionId><Properties>` +
        `<Last-Modified>${new Date(version).toUTCString()}</Last-Modified><Etag>x</Etag>` +
        `<Content-Length>${size}</Content-Length></Properties></Blob>`,
    )
    .join('')
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0"?><EnumerationResults ServiceEndpoint="http://x/" ContainerName="backups"><Blobs>${blobs}</Blobs><NextMarker /></EnumerationResults>`,
  }
}
