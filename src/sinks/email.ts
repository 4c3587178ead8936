/** Mail over SMTP: encrypted on the way, unless the server is this host. nodemailer speaks the protocol, and is loaded only here. */
import { readFile } from 'node:fs/promises'
import { getCACertificates } from 'node:tls'
import { Fault, isFault, messageOf } from '../base/fault.ts'
import { inTime } from '../base/in-time.ts'
import { alertLimits } from '../base/alert-limits.ts'
import type { SecretSource } from '../config/secret-source.ts'
import type { Notice } from '../policy/alerts/notice.ts'
import { plainText, subjectOf } from '../policy/alerts/words.ts'
import { withoutSecrets } from './scrub.ts'
import { refused, unavailable, type Sink, type SinkDeps } from './sink.ts'

export interface EmailOptions {
  readonly host: string
  readonly port?: number | undefined
  readonly tls: 'starttls' | 'implicit' | 'none'
  /** An absolute path. */
  readonly caFile?: string | undefined
  readonly user?: string | undefined
  readonly password?: SecretSource | undefined
  readonly from: string
  readonly to: readonly string[]
}

const usualPorts = { starttls: 587, implicit: 465, none: 25 } as const

export function emailSink(name: string, options: EmailOptions, deps: SinkDeps): Sink {
  const who = `email "${name}"`
  return {
    name,
    kind: 'email',
    togetherMax: alertLimits.sinkTogetherMax,
    async send(notices, signal) {
      const [password, ca] = await Promise.all([
        options.password && deps.reveal(options.password, 'email.password', signal),
        options.caFile === undefined ? undefined : authorities(who, options.caFile),
      ])
      const stop = new AbortController()
      const mail = {
        ...(await messageFor(notices, options)),
        signal: AbortSignal.any([signal, stop.signal]),
      }
      try {
        const sent = deliver(mail, options, password?.reveal(), ca)
        const { rejected } = await inTime(sent, deps.clock, alertLimits.sinkMsMax, () =>
          unavailable(
            `${who}: ${options.host} did not take the mail within ${String(alertLimits.sinkMsMax / 1000)} s`,
            'Check the network between this host and the mail server.',
          ),
        )
        return rejected.length === 0 ? undefined : `${options.host} refused it for ${rejected.join(', ')}`
      } catch (error) {
        signal.throwIfAborted()
        throw faultOf(error, who, options.host, password?.reveal())
      } finally {
        stop.abort()
      }
    },
  }
}

async function messageFor(notices: readonly Notice[], { from, to }: EmailOptions): Promise<Message> {
  const { mailHtml } = await import('./mail-html.ts')
  const [first] = notices
  const domain = from.replace(/^.*@|>.*$/g, '')
  const idOf = (local: string): string => `<${local}@${domain}>`
  return {
    from,
    to: [...to],
    subject: `[holdfast] ${subjectOf(notices)}`,
    text: plainText(notices),
    html: mailHtml(notices),
    // Who gets it twice sees it once, and what belongs to one alert stands together.
    ...(first && {
      messageId: idOf(`holdfast.${first.cluster}.${first.id}`),
      references: notices.map(({ cluster, alertId }) => idOf(`holdfast.${cluster}.${alertId}`)),
    }),
    priority: notices.some(isUrgent) ? 'high' : 'normal',
    // Nobody's holiday notice should answer.
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
  }
}

interface Message {
  readonly from: string
  readonly to: string[]
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly messageId?: string
  readonly references?: string[]
  readonly priority: 'high' | 'normal'
  readonly headers: Record<string, string>
}

const isUrgent = ({ kind, finding }: Notice): boolean =>
  finding.state === 'critical' && kind !== 'resolved' && kind !== 'withdrawn' && kind !== 'test'

async function deliver(
  mail: Message & { readonly signal: AbortSignal },
  { host, port, tls, user }: EmailOptions,
  password: string | undefined,
  ca: readonly string[] | undefined,
): Promise<{ readonly rejected: readonly string[] }> {
  const { createTransport } = await import('nodemailer')
  const transport = createTransport({
    host,
    port: port ?? usualPorts[tls],
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    ...(user !== undefined && { auth: { user, pass: password ?? '' } }),
    tls: { minVersion: 'TLSv1.2', ...(ca && { ca: [...ca] }) },
    connectionTimeout: alertLimits.sinkMsMax,
    greetingTimeout: alertLimits.sinkMsMax,
    socketTimeout: alertLimits.sinkMsMax,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  try {
    return await transport.sendMail(mail)
  } finally {
    transport.close()
  }
}

async function authorities(who: string, path: string): Promise<readonly string[]> {
  try {
    return [...getCACertificates('default'), await readFile(path, 'utf8')]
  } catch (error) {
    throw new Fault('CONFIG_INVALID', `${who}: ca_file ${path} can not be read: ${messageOf(error)}`, {
      hint: 'Check the path, and that the user who runs this may read the file.',
      cause: error,
    })
  }
}

/** nodemailer says by a code what failed; a server's own status of 4xx means later, of 5xx never. */
function faultOf(error: unknown, who: string, host: string, password: string | undefined): Fault {
  if (isFault(error)) return error
  const { code, responseCode = 0 } = error as { code?: string; responseCode?: number }
  const said = withoutSecrets(messageOf(error), password === undefined ? [] : [password])
    // Node's advice is for programmers.
    .replace(/; if the root CA is installed locally.*/, '')
    .replace(/\s+/g, ' ')
    .slice(0, alertLimits.sinkSaidCharsMax)
  const message = `${who}: ${host}: ${said}`
  if (code === 'EAUTH' || code === 'ENOAUTH')
    return refused(message, 'Check `user` and `password`: the mail server does not take them.')
  if (code === 'ETLS' || /certificate/.test(said))
    return refused(message, 'Check `tls` and `port`; name the authority of its certificate as `ca_file`.')
  if (responseCode >= 500)
    return refused(message, 'Check `from` and `to`: the mail server does not take this mail.')
  return unavailable(message, 'Check `host` and `port`, and the network between; it is tried again.')
}
