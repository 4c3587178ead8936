import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request as send, type IncomingMessage, type Server } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openFaultProxy, type FaultProxy } from './fault-proxy.ts'
import { randomFrom } from './random.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** Keeps what is put, and says what it was asked. */
let server: Server
let proxy: FaultProxy
const stored = new Map<string, Buffer>()
let hostSeen: string | undefined

beforeAll(async () => {
  server = createServer((request, response) => {
    hostSeen = request.headers.host
    const pieces: Buffer[] = []
    request.on('error', () => undefined)
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const path = request.url ?? ''
      if (request.method === 'PUT') {
        const body = Buffer.concat(pieces)
        stored.set(path, body)
        response.writeHead(200, { etag: `"${md5(body)}"` }).end()
        return
      }
      const body = stored.get(path)
      response.writeHead(body ? 200 : 404, { 'content-length': String(body?.length ?? 0) })
      response.end(body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as { port: number }
  proxy = await openFaultProxy(`http://127.0.0.1:${String(address.port)}`)
})

afterEach(async () => {
  await proxy.heal()
  proxy.forget()
})

afterAll(async () => {
  await proxy[Symbol.asyncDispose]()
  server.closeAllConnections()
  server.close()
})

const body = Buffer.from(
  randomFrom(7)
    .integer(0, 2 ** 31)
    .toString(16)
    .repeat(20_000),
)

describe('what passes unharmed', () => {
  test('is what was sent, with the Host header of the proxy', async () => {
    expect((await call('PUT', '/b/a', body)).status).toBe(200)
    expect((await call('GET', '/b/a')).body).toEqual(body)
    expect(`http://${String(hostSeen)}`).toBe(proxy.url)
  })

  test('is counted by what it is for', async () => {
    for (const [method, path] of [
      ['PUT', '/b/k?x-id=PutObject'],
      ['POST', '/b/k?uploads'],
      ['PUT', '/b/k?partNumber=1&uploadId=u'],
      ['POST', '/b/k?uploadId=u'],
      ['DELETE', '/b/k?uploadId=u'],
      ['GET', '/b/k'],
      ['HEAD', '/b/k'],
      ['GET', '/b/?list-type=2&prefix=x'],
      ['POST', '/b?delete'],
      ['GET', '/b?versioning'],
    ] as const)
      await call(method, path)
    expect(proxy.requests.map(({ kind }) => kind)).toEqual([
      'put',
      'begin-upload',
      'upload-part',
      'complete-upload',
      'abort-upload',
      'get',
      'head',
      'list',
      'delete',
      'bucket',
    ])
    expect(proxy.count('put', 'get')).toBe(2)
  })

  test('comes later by the added round trip, many at a time', async () => {
    stored.set('/b/far', Buffer.from('x'))
    proxy.roundTripMs = 100
    const startedAt = performance.now()
    await Promise.all(Array.from({ length: 20 }, () => call('GET', '/b/far')))
    const tookMs = performance.now() - startedAt
    expect(tookMs).toBeGreaterThan(99)
    expect(tookMs).toBeLessThan(1000)
  })
})

describe('a rule', () => {
  test('counts from the request that it names, and so many times', async () => {
    const rule = proxy.on({ kind: 'put', key: /^wal\// }, unavailable, { from: 2, times: 2 })
    const statuses: number[] = []
    for (let n = 0; n < 5; n++) statuses.push((await call('PUT', '/b/wal/x', body)).status)
    expect(statuses).toEqual([200, 503, 503, 200, 200])
    expect((await call('PUT', '/b/other', body)).status).toBe(200)
    expect(rule.applied).toBe(2)
    expect((await rule.first).key).toBe('wal/x')
  })

  test('may be left to chance, which a seed decides', async () => {
    const story = async (seed: number): Promise<number[]> => {
      const random = randomFrom(seed)
      const rule = proxy.on({}, unavailable, { chance: () => random.chance(0.5) })
      const statuses: number[] = []
      for (let n = 0; n < 20; n++) statuses.push((await call('PUT', '/b/x')).status)
      rule.end()
      return statuses
    }
    const first = await story(1)
    expect(await story(1)).toEqual(first)
    expect(new Set(first)).toEqual(new Set([200, 503]))
    expect(await story(2)).not.toEqual(first)
  })
})

describe('faults', () => {
  test('cut: the connection ends, and nothing was passed on', async () => {
    proxy.on({}, { kind: 'cut' })
    await expect(call('PUT', '/b/cut', body)).rejects.toThrow(/hang up|ECONNRESET/)
    expect(stored.has('/b/cut')).toBe(false)
  })

  test('cut-request: the server never gets the whole', async () => {
    proxy.on({}, { kind: 'cut-request', afterBytes: 1000 })
    await expect(call('PUT', '/b/half', body)).rejects.toThrow(/hang up|ECONNRESET|EPIPE/)
    expect(stored.has('/b/half')).toBe(false)
  })

  test('cut-response: so much of the body comes', async () => {
    stored.set('/b/x', body)
    proxy.on({}, { kind: 'cut-response', afterBytes: 5000 })
    await expect(call('GET', '/b/x')).rejects.toThrow(/aborted/)
  })

  test('truncate-response: the body is shorter, and its length fits', async () => {
    stored.set('/b/x', body)
    proxy.on({}, { kind: 'truncate-response', toBytes: 5000 })
    const answer = await call('GET', '/b/x')
    expect(answer.body).toEqual(body.subarray(0, 5000))
    expect(answer.headers['content-length']).toBe('5000')
  })

  test.each([0, 70_000, body.length - 1, body.length + 5])(
    'corrupt-request and corrupt-response: byte %i differs by a bit',
    async atByte => {
      const rule = proxy.on({}, { kind: 'corrupt-request', atByte })
      await call('PUT', '/b/bad', body)
      rule.end()
      expect(differences(stored.get('/b/bad'))).toEqual([Math.min(atByte, body.length - 1)])
      stored.set('/b/good', body)
      proxy.on({}, { kind: 'corrupt-response', atByte })
      expect(differences((await call('GET', '/b/good')).body)).toEqual([Math.min(atByte, body.length - 1)])
    },
  )

  test('wrong-etag: only the header differs', async () => {
    proxy.on({}, { kind: 'wrong-etag' })
    expect((await call('PUT', '/b/x', body)).headers.etag).not.toBe(`"${md5(body)}"`)
    expect(stored.get('/b/x')).toEqual(body)
  })

  test('answer: a status, a code, and when to come back', async () => {
    proxy.on({}, { kind: 'answer', status: 503, code: 'SlowDown', retryAfterSeconds: 2 })
    const answer = await call('PUT', '/b/none', body)
    expect(answer.headers['retry-after']).toBe('2')
    expect(answer.body.toString()).toContain('<Code>SlowDown</Code>')
    expect(stored.has('/b/none')).toBe(false)
  })

  test('silence: no answer comes', async () => {
    proxy.on({}, { kind: 'silence' })
    await expect(call('GET', '/b/x', undefined, AbortSignal.timeout(200))).rejects.toThrow(/abort/)
  })

  test('lose-put: success is said, and nothing is there', async () => {
    proxy.on({}, { kind: 'lose-put' })
    expect((await call('PUT', '/b/lost', body)).headers.etag).toBe(`"${md5(body)}"`)
    expect(stored.has('/b/lost')).toBe(false)
    expect((await call('POST', '/b/lost?uploadId=u', body)).body.toString()).toContain('CompleteMultipart')
  })

  test('lose-answer: it is done, and nobody says so', async () => {
    proxy.on({}, { kind: 'lose-answer' })
    await expect(call('PUT', '/b/done', body)).rejects.toThrow(/hang up|ECONNRESET/)
    expect(stored.get('/b/done')).toEqual(body)
  })

  test('trickle: slowly, and whole', async () => {
    const small = body.subarray(0, 2000)
    stored.set('/b/slow', small)
    proxy.on({}, { kind: 'trickle', way: 'response', bytesPerSecond: 4000 })
    const startedAt = performance.now()
    expect((await call('GET', '/b/slow')).body).toEqual(small)
    expect(performance.now() - startedAt).toBeGreaterThan(300)
  })

  test('gone: this request and all that follow are refused, until it is healed', async () => {
    proxy.on({ kind: 'put' }, { kind: 'gone' }, { from: 2 })
    await call('PUT', '/b/1', body)
    await expect(call('PUT', '/b/2', body)).rejects.toThrow()
    await expect(call('GET', '/b/1')).rejects.toThrow(/ECONNREFUSED/)
    await proxy.heal()
    expect((await call('GET', '/b/1')).body).toEqual(body)
  })

  test('wait: until something else is done', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const rule = proxy.on({}, { kind: 'wait', for: promise })
    const answer = call('PUT', '/b/held', body)
    await rule.first
    expect(stored.has('/b/held')).toBe(false)
    resolve(undefined)
    expect((await answer).status).toBe(200)
  })
})

const unavailable = { kind: 'answer', status: 503, code: 'ServiceUnavailable' } as const

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')

function differences(found: Buffer | undefined): number[] {
  expect(found?.length).toBe(body.length)
  return [...(found ?? [])].flatMap((byte, index) => (byte === body[index] ? [] : [index]))
}

function call(method: string, path: string, sent?: Buffer, signal?: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = send(`${proxy.url}${path}`, { method, agent: false, ...(signal && { signal }) })
    request.on('error', reject)
    request.on('response', response => {
      const pieces: Buffer[] = []
      response.on('error', reject)
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) })
      })
    })
    request.end(sent)
  })
}
