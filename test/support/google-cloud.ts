/**
 * The parts of Compute Engine's API that the provider uses, as its documentation describes them, strict on what it takes:
 * names, labels, request ids, states on the way. It stands in for what nobody offers as a server, and goes wrong when a test
 * says so.
 */
import { createServer, type IncomingMessage } from 'node:http'
import { freePort } from './node-server.ts'

export type Json = Readonly<Record<string, unknown>>

export interface GoogleRequest {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly body: Json
  readonly headers: Readonly<Record<string, string>>
}

export class GoogleError extends Error {
  readonly status: number
  readonly reason: string
  constructor(status: number, reason: string, message = reason) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

export interface GoogleServer {
  readonly endpoint: string
  readonly requests: readonly GoogleRequest[]
  /** Refused with an error, or done with a lost answer. */
  trouble(plan: (request: GoogleRequest) => GoogleError | 'lost' | undefined): void
  stop(): Promise<void>
}

/** `serve` gives the answer, or throws a GoogleError. */
export async function startGoogle(
  serve: (request: GoogleRequest, endpoint: string) => Json,
): Promise<GoogleServer> {
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${String(port)}`
  const requests: GoogleRequest[] = []
  let plan: (request: GoogleRequest) => GoogleError | 'lost' | undefined = () => undefined
  const answerTo = (request: GoogleRequest): { readonly status: number; readonly json: Json } => {
    try {
      const trouble = plan(request)
      if (trouble instanceof GoogleError) throw trouble
      return { status: 200, json: serve(request, endpoint) }
    } catch (error) {
      if (!(error instanceof GoogleError)) throw error
      const { status: code, reason, message } = error
      return { status: code, json: { error: { code, message, errors: [{ reason, message }] } } }
    }
  }
  const server = createServer((message, response) => {
    const answer = async (): Promise<void> => {
      const request = await requestOf(message, endpoint)
      requests.push(request)
      const { status, json } = answerTo(request)
      if (plan(request) === 'lost') message.socket.destroy()
      else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
    }
    answer().catch((error: unknown) => response.destroy(error as Error))
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  return {
    endpoint,
    requests,
    trouble: given => (plan = given),
    async stop() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

async function requestOf(message: IncomingMessage, endpoint: string): Promise<GoogleRequest> {
  const url = new URL(message.url ?? '/', endpoint)
  const text = Buffer.concat(await Array.fromAsync(message as AsyncIterable<Buffer>)).toString()
  return {
    method: message.method ?? '',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    body: text === '' ? {} : (JSON.parse(text) as Json),
    headers: message.headers as Record<string, string>,
  }
}

/** Nothing is taken that the documentation does not name. */
export function onlyKeys(given: Json, known: readonly string[], what: string): void {
  const strange = Object.keys(given).filter(key => !known.includes(key))
  if (strange.length > 0)
    throw new GoogleError(400, 'invalid', `${what}: unknown field ${strange.join(', ')}`)
}
