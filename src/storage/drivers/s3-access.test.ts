/** Who may come in: credentials from everywhere they may be, wrong ones, rights, certificates; and what is said then. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { list, read, signal, text } from '../../../test/contract/tools.ts'
import type { CephServer } from '../../../test/support/ceph-server.ts'
import { describeWithCeph } from '../../../test/support/describe-with-ceph.ts'
import { Fault, type FaultCode } from '../../base/fault.ts'
import { systemWorld } from '../../base/world.ts'
import { openStorage, type ObjectStorageAccess, type StorageDescription } from '../open.ts'
import { bodyOf, type Storage } from '../storage.ts'
import { openS3 } from './s3.ts'
import type { Surroundings } from './s3/client.ts'

const opened: Storage[] = []
const kept = { ...process.env }
const folder = mkdtempSync(join(tmpdir(), 'hf-s3-'))

afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
  for (const name of Object.keys(process.env))
    if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name)
  Object.assign(process.env, kept)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function open(
  description: StorageDescription,
  more: Partial<ObjectStorageAccess> = {},
): Promise<Storage> {
  const storage = await openStorage(
    { ...description, access: { ...description.access, ...more } },
    systemWorld(),
  )
  opened.push(storage)
  return storage
}

/** Without trying again. */
async function openOnce(
  description: StorageDescription,
  more: Partial<ObjectStorageAccess>,
): Promise<Storage> {
  const access = { ...description.access, ...more }
  const surroundings = { world: systemWorld(), retry: attempt => attempt() } satisfies Surroundings
  const storage = await openS3(new URL(description.url), { ...description, access }, surroundings)
  opened.push(storage)
  return storage
}

/** The fault that the work ends with; it and its hint hold none of the secrets. */
async function faultOf(work: Promise<unknown>, ...secrets: readonly string[]): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof Fault)) throw new Error('no fault', { cause: error })
  for (const secret of secrets) expect(`${error.message} ${error.hint}`).not.toContain(secret)
  return error
}

const codeOf = async (work: Promise<unknown>): Promise<FaultCode> => (await faultOf(work)).code

describeWithCeph('access to S3', server => {
  wrongCredentials(server)
  rights(server)
  chain(server)
  proxies(server)
})

describeWithCeph('roles of S3', roles, {
  gatewayConf: ['rgw sts key = abcdefghijklmnop', 'rgw s3 auth use sts = true'],
})

describeWithCeph('S3 with TLS', tls, { tls: true })

function wrongCredentials(server: () => CephServer): void {
  test('a wrong secret, and an unknown key, are told as such, and nothing secret is repeated', async () => {
    const bucket = await server().makeBucket()
    for (const [id, secret] of [
      [server().accessKeyId, 'wrong-secret'],
      ['nobody', 'wrong-secret'],
    ] as const) {
      const storage = await open(server().description(bucket), {
        credentials: { kind: 'access-key', id, secret },
      })
      const fault = await faultOf(
        storage.put('a', text('x'), signal),
        'wrong-secret',
        server().secretAccessKey,
      )
      expect(fault.code).toBe('STORAGE_CREDENTIALS')
      expect(fault.hint).toContain('`credentials`')
      expect(await codeOf(list(storage, ''))).toBe('STORAGE_CREDENTIALS')
      // HEAD has no body to say why; something else is asked, then.
      expect(await codeOf(storage.stat('a', signal))).toBe('STORAGE_CREDENTIALS')
    }
  })

  test('a bucket that is not there is not an object that is not there', async () => {
    const storage = await open(server().description('no-such-bucket'))
    expect(await codeOf(storage.stat('a', signal))).toBe('REPOSITORY_MISSING')
    expect(await codeOf(read(storage, 'a'))).toBe('REPOSITORY_MISSING')
    expect(await codeOf(list(storage, ''))).toBe('REPOSITORY_MISSING')
    expect(await codeOf(storage.put('a', text('x'), signal))).toBe('REPOSITORY_MISSING')
  })

  test('what does not answer as S3 does can not say that an object is not there', async () => {
    const other = createServer((_request, response) => response.writeHead(404).end('<html>not found</html>'))
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
    const storage = await openOnce(server().description('bucket'), { endpoint: endpointOf(other) })
    expect(await codeOf(storage.stat('a', signal))).toBe('REPOSITORY_MISSING')
    expect((await faultOf(read(storage, 'a'))).message).toContain('something else than S3')
    other.close()
  })
}

function rights(server: () => CephServer): void {
  test('a stranger, and a user who was suspended, are refused', async () => {
    const bucket = await server().makeBucket()
    const user = await server().makeUser()
    const storage = await open(server().description(bucket, '', user))
    expect(await codeOf(storage.put('a', text('x'), signal))).toBe('STORAGE_DENIED')
    expect(await codeOf(storage.stat('a', signal))).toBe('STORAGE_DENIED')
    await server().admin('user', 'suspend', `--uid=${user.uid}`)
    expect(await codeOf(list(storage, ''))).toBe('STORAGE_DENIED')
  })

  test('a quota that is used up is a full storage', async () => {
    const user = await server().makeUser()
    const bucket = await server().makeBucket({ owner: user })
    await server().admin('quota', 'set', '--quota-scope=user', `--uid=${user.uid}`, '--max-size=1048576')
    await server().admin('quota', 'enable', '--quota-scope=user', `--uid=${user.uid}`)
    const storage = await open(server().description(bucket, '', user))
    expect(await codeOf(storage.put('large', bodyOf(Buffer.alloc(2 ** 21)), signal))).toBe('STORAGE_FULL')
  })
}

/** Without explicit credentials, as Amazon's own tools find them. */
function chain(server: () => CephServer): void {
  const isolate = (more: Record<string, string>): void => {
    const nowhere = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' }
    Object.assign(process.env, { ...nowhere, AWS_EC2_METADATA_DISABLED: 'true', ...more })
  }
  const works = async (more: Partial<ObjectStorageAccess> = {}): Promise<void> => {
    const description = server().description(await server().makeBucket())
    const storage = await open(description, { credentials: undefined, ...more })
    expect(await storage.put('a', text('x'), signal)).toBe('written')
  }

  test('credentials are found in the environment', async () => {
    isolate({ AWS_ACCESS_KEY_ID: server().accessKeyId, AWS_SECRET_ACCESS_KEY: server().secretAccessKey })
    await works()
  })

  test('credentials are found in the profile that is named', async () => {
    const path = join(folder, 'credentials')
    const { accessKeyId, secretAccessKey } = server()
    const lines = [
      '[backups]',
      `aws_access_key_id = ${accessKeyId}`,
      `aws_secret_access_key = ${secretAccessKey}`,
    ]
    writeFileSync(path, `${lines.join('\n')}\n`)
    isolate({ AWS_SHARED_CREDENTIALS_FILE: path })
    await works({ profile: 'backups' })
  })

  test('no credentials anywhere is a fault that says where they were looked for', async () => {
    isolate({})
    const storage = await open(server().description('bucket'), { credentials: undefined })
    const fault = await faultOf(storage.put('a', text('x'), signal))
    expect(fault.code).toBe('STORAGE_CREDENTIALS')
    expect(fault.hint).toMatch(/environment.*~\/\.aws.*instance/)
  })

  test('credentials that expire in the midst of the work are renewed by where they come from', async () => {
    const gate = await openGate('fresh')
    const path = join(folder, 'issue.sh')
    const counter = join(folder, 'count')
    const answer = '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"s","SessionToken":"t"}'
    writeFileSync(
      path,
      `#!/bin/sh\nif [ -e ${counter} ]; then k=fresh; else k=stale; : > ${counter}; fi\nprintf '${answer}' $k\n`,
    )
    chmodSync(path, 0o755)
    const config = join(folder, 'config')
    writeFileSync(config, `[profile issued]\ncredential_process = ${path}\n`)
    isolate({ AWS_CONFIG_FILE: config })
    const access = { endpoint: endpointOf(gate), region: 'us-east-1', profile: 'issued' }
    const storage = await open({ url: 's3://bucket/p', access })
    expect(await list(storage, '')).toEqual([])
    gate.close()
  })

  test('explicit credentials that have expired are a clear fault', async () => {
    const gate = await openGate('fresh')
    const credentials = { kind: 'access-key', id: 'stale', secret: 's', token: 'secret-token' } as const
    const storage = await open({ url: 's3://bucket/p', access: { endpoint: endpointOf(gate), credentials } })
    const fault = await faultOf(list(storage, ''), 'secret-token')
    expect(fault.code).toBe('STORAGE_CREDENTIALS')
    expect(fault.message).toContain('ExpiredToken')
    gate.close()
  })
}

function proxies(server: () => CephServer): void {
  test('requests go through the proxy that is named, but for hosts that are reached without', async () => {
    const carried: string[] = []
    const proxy = createServer((incoming, answer) => {
      carried.push(`${incoming.method ?? ''} ${incoming.headers.host ?? ''}`)
      const { pathname, search } = new URL(incoming.url ?? '')
      const path = `${pathname}${search}`
      const options = {
        port: new URL(server().endpoint).port,
        path,
        method: incoming.method,
        headers: incoming.headers,
      }
      const outgoing = request({ host: '127.0.0.1', ...options }, response => {
        answer.writeHead(response.statusCode ?? 500, response.headers)
        response.pipe(answer)
      })
      incoming.pipe(outgoing)
    })
    await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
    const bucket = await server().makeBucket()
    const description = server().description(bucket)
    // Where nobody listens; the bucket goes into the host's name, which the server knows as its own.
    const access = { endpoint: 'http://localhost:9', pathStyle: false, proxies: { http: endpointOf(proxy) } }
    const storage = await open(description, access)
    expect(await storage.put('a', text('x'), signal)).toBe('written')
    expect(carried).toEqual([`PUT ${bucket}.localhost:9`, `HEAD ${bucket}.localhost:9`])
    const near = await open(description, { proxies: { http: endpointOf(proxy) } })
    expect((await read(near, 'a')).toString()).toBe('x')
    const without = await openOnce(description, {
      ...access,
      proxies: { ...access.proxies, without: '.localhost' },
    })
    expect(await codeOf(without.stat('a', signal))).toBe('STORAGE_UNAVAILABLE')
    expect(carried).toHaveLength(2)
    proxy.close()
  })

  test('the password of a proxy is not repeated', async () => {
    const proxy = createServer().on('connect', (_request, socket) =>
      socket.end('HTTP/1.1 407 Who are you\r\n\r\n'),
    )
    await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
    const https = endpointOf(proxy).replace('//', '//user:pass-word@')
    const access = { endpoint: 'https://s3.invalid', proxies: { https } }
    const storage = await openOnce(server().description('bucket'), access)
    const fault = await faultOf(storage.stat('a', signal), 'pass-word')
    expect(fault.code).toBe('STORAGE_UNAVAILABLE')
    proxy.close()
  })
}

function roles(server: () => CephServer): void {
  let role: string
  beforeAll(async () => {
    const trust = [
      { Effect: 'Allow', Principal: { AWS: ['arn:aws:iam:::user/taker'] }, Action: ['sts:AssumeRole'] },
    ]
    const rights = [{ Effect: 'Allow', Action: ['s3:*'], Resource: 'arn:aws:s3:::*' }]
    const policy = (Statement: unknown): string => JSON.stringify({ Version: '2012-10-17', Statement })
    const made = await server().admin(
      'role',
      'create',
      '--role-name=backup',
      `--assume-role-policy-doc=${policy(trust)}`,
    )
    await server().admin(
      'role-policy',
      'put',
      '--role-name=backup',
      '--policy-name=all',
      `--policy-doc=${policy(rights)}`,
    )
    role = (JSON.parse(made) as { Arn: string }).Arn
  })

  test('a role is taken on', async () => {
    const user = await server().makeUser({ uid: 'taker' })
    const bucket = await server().makeBucket()
    const description = server().description(bucket, '', user)
    expect(await codeOf((await open(description)).put('a', text('x'), signal))).toBe('STORAGE_DENIED')
    const storage = await open(description, { role })
    expect(await storage.put('a', text('x'), signal)).toBe('written')
    expect((await read(storage, 'a')).toString()).toBe('x')
  })

  test('a role that can not be taken on is a fault of the credentials', async () => {
    const user = await server().makeUser({ uid: 'stranger' })
    const storage = await open(server().description('bucket', '', user), { role })
    expect(['STORAGE_CREDENTIALS', 'STORAGE_DENIED']).toContain(
      await codeOf(storage.put('a', text('x'), signal)),
    )
  })
}

function tls(server: () => CephServer): void {
  test('a server whose authority is named is trusted, and no other', async () => {
    const bucket = await server().makeBucket()
    const storage = await open(server().description(bucket))
    expect(await storage.put('a', bodyOf(Buffer.alloc(9 * 2 ** 20)), signal)).toBe('written')
    expect(await read(storage, 'a')).toHaveLength(9 * 2 ** 20)
    const distrustful = await open(server().description(bucket), { certificates: undefined })
    const fault = await faultOf(distrustful.put('b', text('x'), signal))
    expect(fault.code).toBe('CONFIG_INVALID')
    expect(fault.hint).toContain('ca_file')
  })
}

/** Lets in only who signs with this key; to all others it says that their token has expired. */
async function openGate(key: string): Promise<Server> {
  const gate = createServer((incoming, response) => {
    const isIn = incoming.headers.authorization?.includes(`Credential=${key}/`) === true
    response.writeHead(isIn ? 200 : 403, { 'content-type': 'application/xml' })
    response.end(
      isIn
        ? '<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>'
        : '<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>',
    )
  })
  await new Promise<void>(resolve => gate.listen(0, '127.0.0.1', resolve))
  return gate
}

function endpointOf(server: Server): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://127.0.0.1:${String(address.port)}`
}
