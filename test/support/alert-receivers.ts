/** Where alerts arrive in tests: an SMTP server with TLS and a password, and an HTTP server that remembers what it was told. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { OwnCertificate } from './own-certificate.ts'

export interface Received {
  readonly atMs: number
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface HttpReceiver extends AsyncDisposable {
  readonly url: string
  readonly received: readonly Received[]
  /** How it answers from now on: by the path; undefined: 200 and `ok`. */
  answer: (
    path: string,
  ) => { readonly status: number; readonly body?: string; readonly location?: string } | undefined
}

export async function openHttpReceiver(): Promise<HttpReceiver> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const { status, body = 'ok', location } = receiver.answer(path) ?? { status: 200 }
      // What is not taken was not received.
      if (status < 300)
        received.push({ atMs: Date.now(), method, path, headers, body: Buffer.concat(pieces).toString() })
      response.writeHead(status, location === undefined ? {} : { location }).end(body)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const receiver: HttpReceiver = {
    url: `http://127.0.0.1:${String(portOf(server.address()))}`,
    received,
    answer: () => undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
  return receiver
}

export interface Mail {
  readonly from: string
  readonly to: readonly string[]
  readonly encrypted: boolean
  readonly user: string | undefined
  /** As it came over the wire. */
  readonly text: string
}

export interface MailReceiver extends AsyncDisposable {
  readonly port: number
  readonly mails: readonly Mail[]
}

export const mailAccount = { user: 'holdfast', password: 'correct horse' } as const

export async function openMailReceiver(
  certificate: OwnCertificate,
  more: { readonly secure?: boolean; readonly withoutTls?: boolean } = {},
): Promise<MailReceiver> {
  const mails: Mail[] = []
  const server = new SMTPServer({
    ...certificate,
    secure: more.secure ?? false,
    hideSTARTTLS: more.withoutTls ?? false,
    disabledCommands: more.withoutTls === true ? ['STARTTLS'] : [],
    logger: false,
    onAuth({ username, password }, _session, done) {
      if (username === mailAccount.user && password === mailAccount.password) done(null, { user: username })
      else done(new Error(`wrong password ${password ?? ''}`))
    },
    onRcptTo({ address }, _session, done) {
      done(address.startsWith('nobody') ? new Error('no such user here') : null)
    },
    onData(stream, session, done) {
      const pieces: Buffer[] = []
      stream.on('data', (piece: Buffer) => pieces.push(piece))
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          encrypted: session.secure,
          user: session.user,
          text: Buffer.concat(pieces).toString(),
        })
        done(null)
      })
    },
  })
  server.on('error', () => undefined)
  const address = await new Promise<unknown>(resolve => {
    const listening = server.listen(0, '127.0.0.1', () => resolve(listening.address()))
  })
  return {
    port: portOf(address),
    mails,
    [Symbol.asyncDispose]: () => new Promise(resolve => server.close(() => resolve())),
  }
}

/** What is used here of the package `smtp-server`, which lies apart with its types. */
interface MailServer {
  on(event: 'error', listener: () => void): void
  listen(port: number, host: string, listening: () => void): { address(): unknown }
  close(closed: () => void): void
}
type Done<T> = (error: Error | null, value?: T) => void
interface Session {
  readonly secure: boolean
  readonly user?: string
  readonly envelope: {
    readonly mailFrom: false | { readonly address: string }
    readonly rcptTo: readonly { readonly address: string }[]
  }
}
type MailServerClass = new (options: {
  readonly key: string
  readonly cert: string
  readonly secure: boolean
  readonly hideSTARTTLS: boolean
  readonly disabledCommands: readonly string[]
  readonly logger: false
  onAuth(
    given: { readonly username?: string; readonly password?: string },
    session: Session,
    done: Done<{ readonly user: string }>,
  ): void
  onRcptTo(recipient: { readonly address: string }, session: Session, done: Done<never>): void
  onData(stream: NodeJS.ReadableStream, session: Session, done: Done<never>): void
}) => MailServer

const servers = createRequire(fileURLToPath(new URL('../servers/package.json', import.meta.url)))
const { SMTPServer } = servers('smtp-server') as { readonly SMTPServer: MailServerClass }

function portOf(address: unknown): number {
  if (typeof address === 'object' && address !== null && 'port' in address) return Number(address.port)
  throw new Error('a listening server has a port')
}
