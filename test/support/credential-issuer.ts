/**
 * What hands out credentials in the clouds, on the loopback: Amazon's STS (web identity), its instance and container
 * services, Google's metadata server and token exchange, Azure's managed identity. What it hands out, the test says.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Issued {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
  /** When whoever gets them is told that they end; not always the truth. */
  readonly expiration: Date
}

export interface Asked {
  /** `METHOD /path`. */
  readonly what: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: IncomingMessage['headers']
  readonly form: Readonly<Record<string, string>>
}

export interface CredentialIssuer extends AsyncDisposable {
  readonly url: string
  readonly asked: readonly Asked[]
}

export interface IssuerAnswers {
  /** For Amazon's clients; an Error is a refusal, and its name the code. */
  readonly keys?: () => Promise<Issued>
  /** For Google's and Azure's; undefined is a refusal. */
  readonly token?: () => { readonly token: string; readonly lastsSeconds: number } | undefined
}

export const instanceToken = 'token-of-the-instance'
export const containerToken = 'token-of-the-container'

export async function openIssuer(answers: IssuerAnswers): Promise<CredentialIssuer> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error))
    })
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://issuer')
    const { method = '', headers } = request
    const form = Object.fromEntries(new URLSearchParams(await text(request)))
    const one = { what: `${method} ${pathname}`, query: Object.fromEntries(searchParams), headers, form }
    asked.push(one)
    const json = (value: unknown, status = 200): void => {
      response.writeHead(status, { 'content-type': 'application/json', 'metadata-flavor': 'Google' })
      response.end(JSON.stringify(value))
    }
    if (form['Action'] === 'AssumeRoleWithWebIdentity') return sts(answers, response)
    if (pathname.startsWith('/latest/')) return instance(one, answers, response)
    if (pathname === '/container') {
      if (headers.authorization === containerToken) json(await recordOf(answers))
      else json({ Message: 'who are you?' }, 403)
      return
    }
    if (pathname.endsWith('/universe-domain')) {
      response.writeHead(200, { 'metadata-flavor': 'Google' }).end('googleapis.com')
      return
    }
    const token = answers.token?.()
    if (token) json(tokenRecord(token))
    else json({ error: 'invalid_grant', error_description: 'nobody may have one' }, 403)
  }

  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${String(address.port)}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** What Google's and Azure's services say, together: each client reads what it knows. */
function tokenRecord({ token, lastsSeconds }: { token: string; lastsSeconds: number }): unknown {
  return {
    access_token: token,
    expires_in: lastsSeconds,
    expires_on: String(Math.floor(Date.now() / 1000) + lastsSeconds),
    token_type: 'Bearer',
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  }
}

async function sts(answers: IssuerAnswers, response: ServerResponse): Promise<void> {
  const xml = (status: number, body: string): void => {
    response.writeHead(status, { 'content-type': 'text/xml' }).end(body)
  }
  try {
    const keys = await keysOf(answers)
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = keys
    xml(
      200,
      `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey><SessionToken>${sessionToken}</SessionToken><Expiration>${expiration.toISOString()}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
    )
  } catch (error) {
    const { name, message } = error as Error
    xml(
      400,
      `<ErrorResponse><Error><Type>Sender</Type><Code>${name}</Code><Message>${message}</Message></Error></ErrorResponse>`,
    )
  }
}

/** The second version of the protocol: nothing without the token that a PUT gives. */
async function instance(
  { what, headers }: Asked,
  answers: IssuerAnswers,
  response: ServerResponse,
): Promise<void> {
  if (what === 'PUT /latest/api/token') {
    response.end(instanceToken)
    return
  }
  if (headers['x-aws-ec2-metadata-token'] !== instanceToken) {
    response.writeHead(401).end()
    return
  }
  const roles = '/latest/meta-data/iam/security-credentials/'
  if (what === `GET ${roles}`) response.end('backup')
  else if (what === `GET ${roles}backup`)
    response.end(JSON.stringify({ Code: 'Success', Type: 'AWS-HMAC', ...(await recordOf(answers)) }))
  else response.writeHead(404).end()
}

async function recordOf(answers: IssuerAnswers): Promise<Readonly<Record<string, string>>> {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = await keysOf(answers)
  return {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: expiration.toISOString(),
    LastUpdated: new Date().toISOString(),
  }
}

async function keysOf({ keys }: IssuerAnswers): Promise<Issued> {
  if (!keys) throw new Error('this issuer has no keys')
  return keys()
}
