/** What is answered to whoever asks over HTTP. Decides only; server.ts carries it to and fro. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Secret } from '../../base/secret.ts'
import type { MetricsFormat, MetricsText } from '../../policy/metrics/prometheus.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly accept: string
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Answering {
  readonly token: Secret | undefined
  readonly metrics: (format: MetricsFormat) => Promise<MetricsText>
  /** Undefined: it is well. */
  readonly trouble: () => string | undefined
}

export async function answerTo(asked: Asked, { token, metrics, trouble }: Answering): Promise<Answer> {
  if (asked.path !== '/metrics' && asked.path !== '/healthz')
    return plain(404, 'not found; there are /metrics and /healthz')
  if (asked.method !== 'GET' && asked.method !== 'HEAD')
    return plain(405, `${asked.path} can only be read`, { Allow: 'GET, HEAD' })
  // Who asks whether it lives (a load balancer, systemd) has no token, and learns nothing else.
  if (asked.path === '/healthz') {
    const what = trouble()
    return what === undefined ? plain(200, 'ok') : plain(503, what)
  }
  if (token && !isBearer(asked.authorization, token))
    return plain(401, 'a token is needed', { 'WWW-Authenticate': 'Bearer realm="holdfast"' })
  const isOpen = asked.accept.includes('application/openmetrics-text')
  const { contentType, text } = await metrics(isOpen ? 'openmetrics' : 'prometheus')
  return { status: 200, headers: { ...always, 'Content-Type': contentType }, body: text }
}

const always = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }

function plain(status: number, text: string, headers: Answer['headers'] = {}): Answer {
  return {
    status,
    headers: { ...always, 'Content-Type': 'text/plain; charset=utf-8', ...headers },
    body: `${text}\n`,
  }
}

/** In the same time whatever is wrong with it: of two hashes, which have one length. */
function isBearer(authorization: string | undefined, token: Secret): boolean {
  const [, given = ''] = /^bearer +(\S+) *$/i.exec(authorization ?? '') ?? []
  return timingSafeEqual(hashOf(given), hashOf(token.reveal()))
}

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest()
