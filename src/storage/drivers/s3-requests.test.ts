/** What is sent, seen by a server that says yes to everything: how many requests, and with what. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { MiB, read, signal, text } from '../../../test/contract/tools.ts'
import { systemWorld } from '../../base/world.ts'
import type { ObjectStorageAccess } from '../open.ts'
import { bodyOf, type Storage } from '../storage.ts'
import { openS3 } from './s3.ts'

interface Seen {
  /** `PUT /bucket/key`, without what is asked for beside it. */
  readonly line: string
  readonly headers: IncomingHttpHeaders
}

const seen: Seen[] = []
let server: Server
let sizeBytes = 1

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = request.url ?? ''
    seen.push({ line: `${request.method ?? ''} ${url.replace(/\?.*/, '')}`, headers: request.headers })
    const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '')
    const endBytes = Math.min(Number(range?.[2] ?? 0) + 1, sizeBytes)
    const lengthBytes = range ? endBytes - Number(range[1]) : sizeBytes
    request.resume().on('end', () => {
      if (request.method === 'HEAD') response.writeHead(200, { 'content-length': sizeBytes }).end()
      else if (request.method === 'GET') {
        const contentRange = `bytes ${range?.[1] ?? ''}-${String(endBytes - 1)}/${String(sizeBytes)}`
        response.writeHead(206, { 'content-range': contentRange, 'content-length': lengthBytes })
        response.end(Buffer.alloc(lengthBytes))
      } else response.writeHead(200, { 'content-type': 'application/xml', etag: '"e"' }).end(answerTo(url))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => server.close())
beforeEach(() => {
  seen.length = 0
  sizeBytes = 1
})

function answerTo(url: string): string {
  if (url.includes('uploads'))
    return '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>'
  if (url.includes('delete')) return '<DeleteResult/>'
  return url.includes('uploadId') ? '<CompleteMultipartUploadResult/>' : ''
}

async function open(more: Partial<ObjectStorageAccess> = {}, forMs?: number): Promise<Storage> {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const access = {
    endpoint: `http://127.0.0.1:${String(address.port)}`,
    credentials: { kind: 'access-key', id: 'id', secret: 'a-secret', token: 'a-token' } as const,
    ...more,
  }
  const rules = forMs === undefined ? [] : [{ pattern: '**', lock: { mode: 'compliance', forMs } as const }]
  return openS3(
    new URL('s3://bucket/p'),
    { url: 's3://bucket/p', access, rules },
    { world: systemWorld(), retry: work => work() },
  )
}

const signed = ({ headers }: Seen): string =>
  /SignedHeaders=([^,]*)/.exec(headers.authorization ?? '')?.[1] ?? ''

test('a small object is one request, and one that looks whether it is there', async () => {
  const storage = await open()
  expect(await storage.put('wal/1', text('x'), signal)).toBe('written')
  expect(seen.map(({ line }) => line)).toEqual(['PUT /bucket/p/wal/1', 'HEAD /bucket/p/wal/1'])
  const [put] = seen
  expect(put?.headers).toMatchObject({ 'if-none-match': '*', 'x-amz-checksum-crc32c': expect.any(String) })
  // The hash of the body itself, which every server compares.
  expect(put?.headers['x-amz-content-sha256']).toMatch(/^[0-9a-f]{64}$/)
  expect(signed(put!)).toContain('x-amz-content-sha256')
  await storage.close()
})

test('an object of up to 32 MiB whose size is known is one request, too', async () => {
  const storage = await open()
  sizeBytes = 32 * MiB
  await storage.put('wal/1', bodyOf(Buffer.alloc(32 * MiB)), signal)
  expect(seen).toHaveLength(2)
  await storage.close()
})

test('requests that older servers refuse without the MD5 of the body have it, signed', async () => {
  const storage = await open({}, 60_000)
  await storage.delete(['a', 'b'], signal)
  await storage.put('c', text('x'), signal)
  await storage.retain('c', { mode: 'compliance', untilMs: Date.now() + 90_000 }, signal)
  const withBody = seen.filter(({ line }) => /^(POST|PUT)/.test(line))
  expect(withBody.map(({ line }) => line)).toEqual(['POST /bucket/', 'PUT /bucket/p/c', 'PUT /bucket/p/c'])
  for (const request of withBody) {
    expect(request.headers['content-md5']).toBeDefined()
    expect(signed(request)).toContain('content-md5')
  }
  await storage.close()
})

test('a large read asks for each byte once, in few requests', async () => {
  const storage = await open()
  sizeBytes = 20 * MiB + 1
  expect(await read(storage, 'pack')).toHaveLength(sizeBytes)
  expect(seen.map(({ headers }) => headers.range)).toEqual([
    `bytes=0-${String(8 * MiB - 1)}`,
    `bytes=${String(8 * MiB)}-${String(16 * MiB - 1)}`,
    `bytes=${String(16 * MiB)}-${String(20 * MiB)}`,
  ])
  await storage.close()
})

test('who pays, the token of temporary credentials and the key of the object go with the requests that want them', async () => {
  const keyBase64 = Buffer.alloc(32, 1).toString('base64')
  const storage = await open({
    requesterPays: true,
    serverSideEncryption: { kind: 'customer-key', keyBase64 },
  })
  await storage.put('a', text('x'), signal)
  await read(storage, 'a')
  for (const { headers } of seen) {
    expect(headers).toMatchObject({
      'x-amz-request-payer': 'requester',
      'x-amz-security-token': 'a-token',
      'x-amz-server-side-encryption-customer-key': keyBase64,
    })
    expect(JSON.stringify(headers)).not.toContain('a-secret')
  }
  await storage.close()
})
