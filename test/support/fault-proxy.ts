/**
 * A proxy between Holdfast and an S3 server, in which everything can go wrong that goes wrong on the way: by rules (which
 * request, the how manieth, what happens to it), by a seed, or all at once. It counts what passes.
 *
 * Headers pass as they are, `Host` too: the client signs for the proxy's address, and the server checks against what the
 * client sent.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Agent, createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import {
  isMeant,
  seenRequest,
  type RequestKind,
  type RequestMatch,
  type SeenRequest,
} from './fault-proxy-request.ts'
import { firstBytes, readAll, trickled, withBitFlipped, type Bytes } from './fault-proxy-streams.ts'

export type ProxyFault =
  /** The connection ends; nothing was passed on. */
  | { readonly kind: 'cut' }
  | { readonly kind: 'cut-request'; readonly afterBytes: number }
  /** The server has done its work; the connection ends after so much of its answer's body. */
  | { readonly kind: 'cut-response'; readonly afterBytes: number }
  /** The object is shorter, and Content-Length says so, too. */
  | { readonly kind: 'truncate-response'; readonly toBytes: number }
  | { readonly kind: 'corrupt-request' | 'corrupt-response'; readonly atByte: number }
  | { readonly kind: 'wrong-etag' }
  /** An error of the server's own; nothing was passed on. */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly code: string
      readonly retryAfterSeconds?: number | undefined
    }
  /** No answer ever; nothing was passed on. */
  | { readonly kind: 'silence' }
  | { readonly kind: 'trickle'; readonly way: 'request' | 'response'; readonly bytesPerSecond: number }
  /** The client is told that it was written. It was not. */
  | { readonly kind: 'lose-put' }
  /** Done, and the connection ends instead of an answer. */
  | { readonly kind: 'lose-answer' }
  /** Passed on when this is done; for tests that do something in the midst of another thing. */
  | { readonly kind: 'wait'; readonly for: Promise<unknown> }
  /** From this request on the server is gone: the proxy refuses every connection. */
  | { readonly kind: 'gone' }

export interface Rule {
  /** How often it was applied. */
  readonly applied: number
  /** Resolves when it is applied for the first time. */
  readonly first: Promise<SeenRequest>
  end(): void
}

export interface RuleOptions {
  /** The first request meant that it is applied to, counted from 1. */
  readonly from?: number | undefined
  /** To how many of them; all that follow unless told otherwise. */
  readonly times?: number | undefined
  /** Of those, to which by chance; always unless told otherwise. */
  readonly chance?: (() => boolean) | undefined
}

export interface FaultProxy extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** The latest rule that is meant counts. */
  on(match: RequestMatch, fault: ProxyFault | (() => ProxyFault), options?: RuleOptions): Rule
  /** Ends all rules, and listens again. */
  heal(): Promise<void>
  /** Refuses connections and ends those there are. */
  refuse(): Promise<void>
  /** Everything passes so much later, however many are under way. */
  roundTripMs: number
  /** All since the start or the last `forget`. */
  readonly requests: readonly SeenRequest[]
  count(...kinds: readonly RequestKind[]): number
  forget(): void
}

interface ActiveRule {
  readonly match: RequestMatch
  readonly fault: () => ProxyFault
  readonly options: RuleOptions
  readonly start: (request: SeenRequest) => void
  seen: number
  applied: number
}

export async function openFaultProxy(target: string): Promise<FaultProxy> {
  const proxy = new Proxy(new URL(target))
  await proxy.listen()
  return proxy
}

class Proxy implements FaultProxy {
  roundTripMs = 0
  readonly #target: URL
  readonly #agent = new Agent({ keepAlive: true })
  readonly #server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => {
    void this.#serve(request, response)
  })
  #port = 0
  #rules: ActiveRule[] = []
  #requests: SeenRequest[] = []

  constructor(target: URL) {
    this.#target = target
    this.#server.on('clientError', (_error, socket) => socket.destroy())
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.#port)}`
  }

  get requests(): readonly SeenRequest[] {
    return this.#requests
  }

  count(...kinds: readonly RequestKind[]): number {
    return this.#requests.filter(({ kind }) => kinds.length === 0 || kinds.includes(kind)).length
  }

  forget(): void {
    this.#requests = []
  }

  on(match: RequestMatch, fault: ProxyFault | (() => ProxyFault), options: RuleOptions = {}): Rule {
    const { promise, resolve } = Promise.withResolvers<SeenRequest>()
    const rule: ActiveRule = {
      match,
      fault: typeof fault === 'function' ? fault : () => fault,
      options,
      start: resolve,
      seen: 0,
      applied: 0,
    }
    this.#rules.unshift(rule)
    return {
      get applied() {
        return rule.applied
      },
      first: promise,
      end: () => {
        this.#rules = this.#rules.filter(other => other !== rule)
      },
    }
  }

  async heal(): Promise<void> {
    this.#rules = []
    this.roundTripMs = 0
    await this.listen()
  }

  /** On the port that it had before, if it had one. */
  async listen(): Promise<void> {
    if (this.#server.listening) return
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (address !== null && typeof address === 'object') this.#port = address.port
  }

  async refuse(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.refuse()
    this.#agent.destroy()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Kept here: a request that was read to a part only lets go of its socket.
    const { socket } = request
    const seen = seenRequest(request)
    this.#requests.push(seen)
    const fault = this.#faultFor(seen)
    try {
      if (this.roundTripMs > 0) await delay(this.roundTripMs)
      await this.#answer(request, response, seen, fault)
    } catch {
      // A connection that broke, or that we broke: the other side learns it by the end of its own.
      socket.destroy()
    }
  }

  /** Every rule counts what it means, whether or not another comes first. */
  #faultFor(request: SeenRequest): ProxyFault | undefined {
    let chosen: ActiveRule | undefined
    for (const rule of this.#rules) {
      if (!isMeant(rule.match, request)) continue
      rule.seen++
      const { from = 1, times = Infinity, chance } = rule.options
      if (chosen || rule.seen < from || rule.applied >= times || chance?.() === false) continue
      rule.applied++
      chosen = rule
    }
    chosen?.start(request)
    return chosen?.fault()
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    seen: SeenRequest,
    fault: ProxyFault | undefined,
  ): Promise<void> {
    switch (fault?.kind) {
      case 'cut':
        request.socket.destroy()
        return
      case 'gone':
        await this.refuse()
        return
      case 'silence':
        request.resume()
        return
      case 'answer':
        await readAll(request)
        answerError(response, fault)
        return
      case 'lose-put':
        answerLostPut(response, seen, await readAll(request))
        return
      case 'wait':
        await fault.for
        break
      default:
    }
    await this.#pass(request, response, fault)
  }

  async #pass(
    request: IncomingMessage,
    response: ServerResponse,
    fault: ProxyFault | undefined,
  ): Promise<void> {
    const ended = new AbortController()
    response.once('close', () => ended.abort())
    const upstream = send({
      agent: this.#agent,
      host: this.#target.hostname,
      port: this.#target.port,
      method: request.method,
      path: request.url,
      setHost: false,
      headers: withoutExpect(request.rawHeaders),
      signal: ended.signal,
    })
    // Without a listener an error while nobody waits would end the process; who waits is told by `once`.
    upstream.on('error', () => undefined)
    const answered = once(upstream, 'response') as Promise<[IncomingMessage]>
    answered.catch(() => undefined)
    if (fault?.kind === 'cut-request') {
      await writeAll(upstream, firstBytes(request, fault.afterBytes))
      throw new Error('the connection is cut in the request')
    }
    // Not waited for: a server may answer before it has read all.
    pipeline(requestBody(request, fault, ended.signal), upstream).catch(() => undefined)
    const [answer] = await answered
    if (fault?.kind === 'lose-answer') {
      await readAll(answer)
      throw new Error('the answer is lost')
    }
    await reply(answer, response, fault, ended.signal)
  }
}

function requestBody(request: IncomingMessage, fault: ProxyFault | undefined, signal: AbortSignal): Bytes {
  if (fault?.kind === 'corrupt-request') return withBitFlipped(request, fault.atByte)
  if (fault?.kind === 'trickle' && fault.way === 'request')
    return trickled(request, fault.bytesPerSecond, signal)
  return request
}

async function reply(
  answer: IncomingMessage,
  response: ServerResponse,
  fault: ProxyFault | undefined,
  signal: AbortSignal,
): Promise<void> {
  response.sendDate = false
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, replyHeaders(answer.rawHeaders, fault))
  if (fault?.kind === 'cut-response') {
    response.flushHeaders()
    await writeAll(response, firstBytes(answer, fault.afterBytes))
    throw new Error('the connection is cut in the answer')
  }
  await pipeline(replyBody(answer, fault, signal), response)
}

function replyBody(answer: IncomingMessage, fault: ProxyFault | undefined, signal: AbortSignal): Bytes {
  switch (fault?.kind) {
    case 'truncate-response':
      return firstBytes(answer, fault.toBytes, { drain: true })
    case 'corrupt-response':
      return withBitFlipped(answer, fault.atByte)
    case 'trickle':
      return fault.way === 'response' ? trickled(answer, fault.bytesPerSecond, signal) : answer
    default:
      return answer
  }
}

const wrongEtag = '"00000000000000000000000000000bad"'

/** Headers as Node gives and takes them raw: a flat list of names and values. */
function replyHeaders(raw: readonly string[], fault: ProxyFault | undefined): string[] {
  return raw.map((text, index) => {
    const name = index % 2 === 1 ? raw[index - 1]?.toLowerCase() : undefined
    if (fault?.kind === 'wrong-etag' && name === 'etag') return wrongEtag
    if (fault?.kind === 'truncate-response' && name === 'content-length')
      return String(Math.min(Number(text), fault.toBytes))
    return text
  })
}

/** Our own server has answered `Expect: 100-continue` already. */
function withoutExpect(raw: readonly string[]): string[] {
  return raw.filter((_, index) => raw[index - (index % 2)]?.toLowerCase() !== 'expect')
}

/** Does not end the stream. */
async function writeAll(stream: Writable, body: Bytes): Promise<void> {
  for await (const piece of body) {
    await new Promise<void>((resolve, reject) => {
      stream.write(piece, error => {
        if (error) reject(error)
        else resolve()
      })
    })
  }
}

function answerError(
  response: ServerResponse,
  { status, code, retryAfterSeconds }: Extract<ProxyFault, { kind: 'answer' }>,
): void {
  const after = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
  response.writeHead(status, {
    'content-type': 'application/xml',
    'x-amz-request-id': 'fault-proxy',
    ...after,
  })
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>made by a test</Message><RequestId>fault-proxy</RequestId></Error>`,
  )
}

/** Answers as a server does that has kept the bytes: with their MD5, or that of the upload's parts. */
function answerLostPut(response: ServerResponse, { kind, key }: SeenRequest, body: Buffer): void {
  const etag = createHash('md5').update(body).digest('hex')
  if (kind !== 'complete-upload') {
    response.writeHead(200, { etag: `"${etag}"`, 'x-amz-request-id': 'fault-proxy' })
    response.end()
    return
  }
  response.writeHead(200, { 'content-type': 'application/xml' })
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><CompleteMultipartUploadResult><Key>${key}</Key><ETag>"${etag}-1"</ETag></CompleteMultipartUploadResult>`,
  )
}
