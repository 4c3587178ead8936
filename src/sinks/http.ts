/** Calls of sinks over HTTP: limited in time and size, to the address that was given and to no other, and discreet about it. */
import { inTime } from '../base/in-time.ts'
import { alertLimits } from '../base/alert-limits.ts'
import { Fault } from '../base/fault.ts'
import type { Clock } from '../base/world.ts'
import { networkWords } from '../cloud/network.ts'
import { withoutSecrets } from './scrub.ts'
import { refused, unavailable } from './sink.ts'

export interface Call {
  /** For messages: `slack "team"`. */
  readonly who: string
  /** May be a secret itself. */
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** What else must not be shown when the answer repeats it. */
  readonly secrets?: readonly string[]
}

/** The text of an answer with a status of 200 to 299; others are faults. */
export async function callHttp(call: Call, clock: Clock, signal: AbortSignal): Promise<string> {
  const address = addressOf(call)
  const stop = new AbortController()
  const late = (): Fault =>
    unavailable(
      `${call.who}: ${address.host} did not answer within ${String(alertLimits.sinkMsMax / 1000)} s`,
      'Check the network between this host and that service.',
    )
  try {
    const exchanged = exchange(call, address, AbortSignal.any([signal, stop.signal]))
    const { status, text } = await inTime(exchanged, clock, alertLimits.sinkMsMax, late)
    if (status < 200 || status > 299) throw notTaken(call, address, status, text)
    return text
  } finally {
    stop.abort()
  }
}

function addressOf({ who, url }: Call): URL {
  // Node's own error would repeat the address, which may be a secret.
  const address = URL.canParse(url) ? new URL(url) : undefined
  if (address && /^https?:$/.test(address.protocol)) return address
  throw new Fault('CONFIG_INVALID', `${who}: its address is not a URL that begins with https:// or http://`, {
    hint: 'Look at what the secret gives: a URL, and nothing before or after it.',
  })
}

async function exchange(
  { who, method, headers, body, ...rest }: Call,
  address: URL,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const response = await fetch(address, {
      method,
      signal,
      // Whoever answers must not be able to send what we tell, and our signature, elsewhere.
      redirect: 'manual',
      ...(headers && { headers }),
      ...(body !== undefined && { body }),
    })
    return { status: response.status, text: await beginningOf(response) }
  } catch (error) {
    signal.throwIfAborted()
    const hint = 'Check the network between this host and that service, and its address.'
    const said = withoutSecrets(networkWords(error instanceof Error && error.cause ? error.cause : error), [
      address.href,
      ...(rest.secrets ?? []),
    ])
    throw unavailable(`${who}: ${address.host} can not be reached: ${said}`, hint)
  }
}

async function beginningOf({ body }: Response): Promise<string> {
  if (!body) return ''
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    pieces.push(piece)
    size += piece.length
    // Leaving the loop gives up what is left.
    if (size >= alertLimits.sinkAnswerBytesMax) break
  }
  return Buffer.concat(pieces).toString('utf8', 0, alertLimits.sinkAnswerBytesMax)
}

function notTaken({ who, url, secrets = [] }: Call, { host }: URL, status: number, text: string): Fault {
  const line = withoutSecrets(text, [url, ...secrets])
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, alertLimits.sinkSaidCharsMax)
  const message = `${who}: ${host} answered ${String(status)}${line === '' ? '' : `: ${line}`}`
  if (status === 429 || status >= 500) return unavailable(message, 'Wait: it is tried again.')
  if (status >= 300 && status < 400)
    return refused(
      message,
      'Give the address that it redirects to, when it is to be trusted: none is followed.',
    )
  return refused(message, 'Check the address and the secret of this sink: the service does not take them.')
}
