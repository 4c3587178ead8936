/**
 * Temporary credentials from where Amazon's tools find them on a machine in the cloud: web identity, the instance, the
 * container, a role by way of a profile. They are real ones, of Ceph's own STS, and really expire there.
 */
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { MiB, pattern, read, signal, text } from '../../../test/contract/tools.ts'
import type { CephServer, CephUser } from '../../../test/support/ceph-server.ts'
import {
  containerToken,
  instanceToken,
  openIssuer,
  type CredentialIssuer,
  type Issued,
} from '../../../test/support/credential-issuer.ts'
import { describeWithCeph } from '../../../test/support/describe-with-ceph.ts'
import { isFault, type FaultCode } from '../../base/fault.ts'
import { systemWorld } from '../../base/world.ts'
import { openStorage, type ObjectStorageAccess } from '../open.ts'
import type { Storage } from '../storage.ts'

const kept = { ...process.env }
const folder = mkdtempSync(join(tmpdir(), 'hf-issued-'))
const tokenFile = join(folder, 'token')
const opened: AsyncDisposable[] = []

afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one[Symbol.asyncDispose]()
  for (const name of Object.keys(process.env))
    if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name)
  Object.assign(process.env, kept)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describeWithCeph('temporary credentials of S3', issued, {
  gatewayConf: [
    'rgw sts key = abcdefghijklmnop',
    'rgw s3 auth use sts = true',
    'rgw sts min session duration = 1',
  ],
})

function issued(server: () => CephServer): void {
  let role: string
  let taker: CephUser
  let bucket: string

  beforeAll(async () => {
    taker = await server().makeUser({ uid: 'taker' })
    bucket = await server().makeBucket()
    role = await makeRole(server())
  })

  /** From Ceph itself. */
  async function temporary(lastSeconds = 900): Promise<Issued> {
    const take = fromTemporaryCredentials({
      masterCredentials: taker,
      params: { RoleArn: role, RoleSessionName: 'test', DurationSeconds: lastSeconds },
      clientConfig: { endpoint: server().endpoint, region: server().region },
    })
    const { accessKeyId, secretAccessKey, sessionToken = '' } = await take()
    return {
      accessKeyId,
      secretAccessKey,
      sessionToken,
      expiration: new Date(Date.now() + lastSeconds * 1000),
    }
  }

  async function issuer(keys: () => Promise<Issued> = temporary): Promise<CredentialIssuer> {
    const made = await openIssuer({ keys })
    opened.push(made)
    return made
  }

  async function open(
    environment: Readonly<Record<string, string>>,
    more: Partial<ObjectStorageAccess> = {},
  ): Promise<Storage> {
    const nowhere = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' }
    Object.assign(process.env, nowhere, environment)
    const { url, access } = server().description(bucket)
    const storage = await openStorage(
      { url, access: { ...access, credentials: undefined, ...more } },
      systemWorld(),
    )
    opened.push({ [Symbol.asyncDispose]: () => storage.close() })
    return storage
  }

  const webIdentity = (url: string): Readonly<Record<string, string>> => {
    writeFileSync(tokenFile, 'a-signed-web-token')
    return {
      AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
      AWS_ROLE_ARN: role,
      AWS_ENDPOINT_URL_STS: url,
      AWS_EC2_METADATA_DISABLED: 'true',
    }
  }

  let count = 0
  async function expectToWork(storage: Storage): Promise<void> {
    const key = `object-${String(++count)}`
    expect(await storage.put(key, text(key), signal)).toBe('written')
    expect((await read(storage, key)).toString()).toBe(key)
  }

  test('a web identity is shown to the STS, and what that gives is used', async () => {
    const sts = await issuer()
    await expectToWork(await open(webIdentity(sts.url)))
    expect(sts.asked).toHaveLength(1)
    expect(sts.asked[0]?.form).toMatchObject({ RoleArn: role, WebIdentityToken: 'a-signed-web-token' })
  })

  test('a web identity that is refused is a fault of the credentials, which does not show it', async () => {
    const refusal = Object.assign(new Error('the token has expired'), { name: 'ExpiredTokenException' })
    const sts = await issuer(() => Promise.reject(refusal))
    const storage = await open(webIdentity(sts.url))
    await expectFault(storage.put('a', text('x'), signal), 'STORAGE_CREDENTIALS', /expired/)
    await expectFault(
      (await open({ ...webIdentity(sts.url), AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'none') })).put(
        'a',
        text('x'),
        signal,
      ),
      'STORAGE_CREDENTIALS',
      /none/,
    )
  })

  test('the instance gives credentials, by the second version of its protocol', async () => {
    const machine = await issuer()
    await expectToWork(await open({ AWS_EC2_METADATA_SERVICE_ENDPOINT: machine.url }))
    expect(machine.asked.map(({ what }) => what)).toEqual([
      'PUT /latest/api/token',
      'GET /latest/meta-data/iam/security-credentials/',
      'GET /latest/meta-data/iam/security-credentials/backup',
    ])
    expect(machine.asked[2]?.headers['x-aws-ec2-metadata-token']).toBe(instanceToken)
  })

  test('the container gives credentials to who shows its token', async () => {
    const service = await issuer()
    const variables = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${service.url}/container` }
    await expectToWork(await open({ ...variables, AWS_CONTAINER_AUTHORIZATION_TOKEN: containerToken }))
    const storage = await open({ ...variables, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'another' })
    await expectFault(storage.put('a', text('x'), signal), 'STORAGE_CREDENTIALS', /./)
  })

  test('a profile names a role and the profile to take it from', async () => {
    const path = join(folder, 'config')
    const lines = [
      '[profile base]',
      `aws_access_key_id = ${taker.accessKeyId}`,
      `aws_secret_access_key = ${taker.secretAccessKey}`,
      '[profile backups]',
      `role_arn = ${role}`,
      'source_profile = base',
      `region = ${server().region}`,
    ]
    writeFileSync(path, `${lines.join('\n')}\n`)
    const environment = { AWS_CONFIG_FILE: path, AWS_ENDPOINT_URL_STS: server().endpoint }
    await expectToWork(await open(environment, { profile: 'backups' }))
  })

  describe('that end in the middle', () => {
    test('are asked for anew, and the upload goes on', async () => {
      const lives = [2, 900]
      const sts = await issuer(() => temporary(lives.shift() ?? 900))
      const storage = await open(webIdentity(sts.url))
      const bytes = pattern(40 * MiB)
      const writer = await storage.create('long', signal)
      for (let at = 0; at < 20 * MiB; at += MiB) await writer.write(bytes.subarray(at, at + MiB))
      await delay(3500)
      for (let at = 20 * MiB; at < bytes.length; at += MiB) await writer.write(bytes.subarray(at, at + MiB))
      expect(await writer.commit()).toBe('written')
      expect(sts.asked.length).toBeGreaterThan(1)
      expect((await read(storage, 'long')).equals(bytes)).toBe(true)
    })

    test('and are not given anew, are a clear fault, and nothing is there', async () => {
      let isOver = false
      const refusal = Object.assign(new Error('the token has expired'), { name: 'ExpiredTokenException' })
      const sts = await issuer(() => (isOver ? Promise.reject(refusal) : temporary(2)))
      const storage = await open(webIdentity(sts.url))
      const writer = await storage.create('never', signal)
      await writer.write(Buffer.alloc(9 * MiB))
      isOver = true
      await delay(3500)
      const rest = async (): Promise<unknown> => {
        await writer.write(Buffer.alloc(20 * MiB))
        return writer.commit()
      }
      await expectFault(rest(), 'STORAGE_CREDENTIALS', /./)
      await writer.abort().catch(() => undefined)
      const { url, access } = server().description(bucket)
      const other = await openStorage({ url, access }, systemWorld())
      expect(await other.stat('never', signal)).toBeUndefined()
      await other.close()
    })
  })
}

async function makeRole(server: CephServer): Promise<string> {
  const policy = (Statement: unknown): string => JSON.stringify({ Version: '2012-10-17', Statement })
  const trust = policy([
    { Effect: 'Allow', Principal: { AWS: ['arn:aws:iam:::user/taker'] }, Action: ['sts:AssumeRole'] },
  ])
  const rights = policy([{ Effect: 'Allow', Action: ['s3:*'], Resource: 'arn:aws:s3:::*' }])
  const made = await server.admin('role', 'create', '--role-name=backup', `--assume-role-policy-doc=${trust}`)
  await server.admin(
    'role-policy',
    'put',
    '--role-name=backup',
    '--policy-name=all',
    `--policy-doc=${rights}`,
  )
  return (JSON.parse(made) as { Arn: string }).Arn
}

async function expectFault(work: Promise<unknown>, code: FaultCode, message: RegExp): Promise<void> {
  const error = await work.then(
    value => new Error(`no fault, but ${String(value)}`),
    (reason: unknown) => reason,
  )
  if (!isFault(error)) throw new Error('no fault', { cause: error })
  expect(error.code).toBe(code)
  expect(error.message).toMatch(message)
  expect(`${error.message} ${error.hint}`).not.toContain('a-signed-web-token')
}
