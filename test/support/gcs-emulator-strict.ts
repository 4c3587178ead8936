/**
 * The parts of Google Cloud Storage's JSON API that the driver uses, as its documentation describes them: generation
 * conditions, resumable uploads in chunks, checksums that are compared, versions, retention, customer-supplied keys.
 *
 * It stands in for what the emulator of firebase-tools leaves out, and goes wrong when a test says so. It can also answer
 * as Google's own testbench does, where that differs.
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { StrictBucket, StrictError, type StrictBucketOptions } from './gcs-emulator-bucket.ts'
import { TestbenchBucket } from './gcs-testbench-bucket.ts'
import { freePort, startNodeServer, type NodeServer } from './node-server.ts'
import type { OwnCertificate } from './own-certificate.ts'

export interface StrictRequest {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  /** Counted from 1. */
  readonly count: number
}

/** What goes wrong with a request, if anything. */
export type Trouble =
  /** Answered with this status, and not done. */
  | { readonly status: number; readonly text?: string }
  /** Done, or done in part, but the connection is cut instead of an answer. */
  | { readonly cut: 'before' | 'after' }
  /** Of a chunk only so many bytes are kept; with a status, that is the answer then. */
  | { readonly keepBytes: number; readonly answeredAs?: number }
  /** Done, and answered with another status than it should be. */
  | { readonly answeredAs: number }
  /** The answer's body is cut to so many bytes, and its length is said to be that. */
  | { readonly shortenToBytes: number }
  /** The answer's body ends early. */
  | { readonly cutBodyAfterBytes: number }
  /** Nothing is ever said. */
  | 'silence'

export interface StrictGcs {
  readonly endpoint: string
  readonly bucket: ServedBucket
  readonly requests: readonly StrictRequest[]
  trouble(plan: (request: StrictRequest) => Trouble | undefined): void
  stop(): Promise<void>
}

/** What the server asks of its bucket, and tests look at. */
export interface ServedBucket {
  readonly uploadsUnderWay: number
  live(
    name: string,
  ): { readonly bytes: Buffer; readonly resource: Readonly<Record<string, unknown>> } | undefined
  serve(
    request: StrictRequest,
    body: Buffer,
    keepBytes: number | undefined,
  ): Partial<Reply> & { status: number }
}

export interface StrictOptions extends StrictBucketOptions {
  /** It answers as Google's testbench does, not as the documentation has it. */
  readonly asTestbench?: boolean
  /** Requests without this token are refused. */
  readonly token?: string | ((request: StrictRequest) => string)
  /** Speaks https. */
  readonly tls?: OwnCertificate
  readonly requesterPays?: boolean
  /** A free one unless said. */
  readonly port?: number
}

export async function startStrictGcs(options: StrictOptions = {}): Promise<StrictGcs> {
  const port = options.port ?? (await freePort())
  const { tls, token } = options
  const endpoint = `${tls ? 'https' : 'http'}://127.0.0.1:${String(port)}`
  const bucket: ServedBucket =
    options.asTestbench === true
      ? new TestbenchBucket(options, endpoint)
      : new StrictBucket(options, endpoint)
  const requests: StrictRequest[] = []
  let plan: (request: StrictRequest) => Trouble | undefined = () => undefined

  const serve = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(message.url ?? '/', endpoint)
    const request: StrictRequest = {
      method: message.method ?? '',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: message.headers as Record<string, string>,
      count: requests.length + 1,
    }
    requests.push(request)
    const trouble = plan(request)
    if (trouble === 'silence') return
    if (trouble && 'cut' in trouble && trouble.cut === 'before') {
      message.socket.destroy()
      return
    }
    const body = Buffer.concat(await Array.fromAsync(message as AsyncIterable<Buffer>))
    if (trouble && 'status' in trouble) {
      answer(response, { status: trouble.status, headers: {}, body: trouble.text ?? '' })
      return
    }
    const reply = outcome(request, body, trouble && 'keepBytes' in trouble ? trouble.keepBytes : undefined)
    if (trouble && 'cut' in trouble) {
      message.socket.destroy()
      return
    }
    const cutAfter = trouble && 'cutBodyAfterBytes' in trouble ? trouble.cutBodyAfterBytes : undefined
    const status = (trouble && 'answeredAs' in trouble ? trouble.answeredAs : undefined) ?? reply.status
    const sent =
      trouble && 'shortenToBytes' in trouble ? reply.body.slice(0, trouble.shortenToBytes) : reply.body
    answer(response, { ...reply, status, body: sent }, cutAfter)
  }

  const outcome = (request: StrictRequest, body: Buffer, keepBytes: number | undefined): Reply => {
    try {
      const wanted = typeof token === 'function' ? token(request) : token
      if (wanted !== undefined && request.headers['authorization'] !== `Bearer ${wanted}`)
        throw new StrictError(401, 'Invalid Credentials')
      if (options.requesterPays === true && request.query['userProject'] === undefined)
        throw new StrictError(400, 'Bucket is a requester pays bucket but no user project provided.')
      return { headers: {}, body: '', ...bucket.serve(request, body, keepBytes) }
    } catch (error) {
      if (!(error instanceof StrictError)) throw error
      const isMedia = request.query['alt'] === 'media'
      return { status: error.status, headers: {}, body: error.told(isMedia) }
    }
  }

  const listener: RequestListener = (message, response) => {
    serve(message, response).catch((error: unknown) => response.destroy(error as Error))
  }
  const server = tls ? createSecureServer(tls, listener) : createServer(listener)
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  return {
    endpoint,
    bucket,
    requests,
    trouble: given => (plan = given),
    async stop() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** The same in a process of its own, so that its memory is not that of the test. */
export async function startStrictGcsApart(
  options: Pick<StrictOptions, 'asTestbench'> = {},
): Promise<Pick<StrictGcs, 'endpoint' | 'stop'>> {
  const server: NodeServer = await startNodeServer(
    'gcs-strict',
    port =>
      `import(${JSON.stringify(import.meta.url)}).then(({ startStrictGcs }) =>
        startStrictGcs({ ...${JSON.stringify(options)}, port: ${String(port)} })).then(() => console.log('listening'))`,
  )
  return { endpoint: `http://127.0.0.1:${String(server.port)}`, stop: () => server.stop() }
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
  /** Sent without a length. */
  readonly isChunked?: boolean
}

function answer(
  response: ServerResponse,
  { status, headers, body, isChunked = false }: Reply,
  cutAfterBytes?: number,
): void {
  const bytes = Buffer.from(body as string)
  const length = isChunked ? {} : { 'content-length': String(bytes.length) }
  response.writeHead(status, { ...headers, ...length })
  if (cutAfterBytes === undefined) response.end(bytes)
  else response.write(bytes.subarray(0, cutAfterBytes), () => response.destroy())
}
