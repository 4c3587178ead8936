/** The agent's HTTP: answers Prometheus, and whoever asks whether it lives. Bounded in size, time and number. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { limits } from '../../base/limits.ts'
import { answerTo, type Answering } from './answer.ts'

export interface ListenAt {
  readonly host: string
  readonly port: number
}

export interface MetricsServer extends AsyncDisposable {
  readonly port: number
}

export async function serveMetrics({ host, port }: ListenAt, answering: Answering): Promise<MetricsServer> {
  const server = createServer(
    {
      maxHeaderSize: limits.httpHeaderBytesMax,
      headersTimeout: limits.httpRequestMsMax,
      requestTimeout: limits.httpRequestMsMax,
      connectionsCheckingInterval: limits.httpRequestMsMax / 2,
      keepAliveTimeout: limits.httpIdleMsMax,
    },
    (request, response) => void serve(request, response, answering),
  )
  server.maxConnections = limits.httpConnectionsMax
  // Who takes an answer that slowly is not waited for.
  server.timeout = limits.httpIdleMsMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  answering: Answering,
): Promise<void> {
  const { method = '', url = '', headers } = request
  const [path = ''] = url.split('?', 1)
  const asked = { method, path, authorization: headers.authorization, accept: headers.accept ?? '' }
  const { status, headers: told, body } = await answerTo(asked, answering).catch((): Failed => failed)
  // What was sent with the question is not read.
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  response.writeHead(status, {
    ...told,
    'Content-Length': Buffer.byteLength(body),
    ...(hasBody || status >= 400 ? { Connection: 'close' } : {}),
  })
  response.end(method === 'HEAD' ? undefined : body)
}

type Failed = Awaited<ReturnType<typeof answerTo>>
const failed: Failed = {
  status: 500,
  headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  body: 'the metrics could not be made\n',
}
