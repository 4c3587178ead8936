/** `init` and `doctor` with repositories in object storage, as a user meets them. */
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type Server } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeWithCeph } from './support/describe-with-ceph.ts'
import { describeRun, jsonOf, startHoldfast, type Run } from './support/holdfast.ts'
import { makeOwned, startServer, type TestServer } from './support/postgres-server.ts'

describeWithCeph('with object storage', ceph => {
  let server: TestServer

  beforeAll(async () => {
    server = await startServer({ major: 17 })
  })
  afterAll(() => server.remove())

  const homeOf = (name: string): string => {
    const home = join(server.root, name)
    mkdirSync(home, { recursive: true })
    makeOwned(home)
    return home
  }
  const environment = (): Readonly<Record<string, string>> => ({
    AWS_ACCESS_KEY_ID: ceph().accessKeyId,
    AWS_SECRET_ACCESS_KEY: ceph().secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
  })
  const holdfast = (home: string, ...args: readonly string[]): Promise<Run> =>
    startHoldfast(['--config', join(home, 'holdfast.yaml'), ...args], { environment: environment() }).ended
  const init = (home: string, bucket: string, ...args: readonly string[]): Promise<Run> =>
    holdfast(
      home,
      ...['init', '--cluster', 'gathr', '--connection', server.connectionString, '--yes', '--no-encryption'],
      ...['--repository', `s3://${bucket}/pg`, '--region', 'us-east-1', ...args],
    )
  const toldBy = async (home: string): Promise<readonly string[]> => {
    const run = await holdfast(home, 'doctor', '--json')
    const { findings } = jsonOf<{ findings: readonly { area: string; state: string; message: string }[] }>(
      run,
    )
    return findings
      .filter(({ area }) => ['storage', 'rights', 'clock'].includes(area))
      .map(({ state, message }) => `${state}: ${message}`)
  }

  describe('init', () => {
    test('makes no bucket, names the command that does, and leaves nothing that a second try would trip over', async () => {
      const home = homeOf('none')
      const run = await init(home, 'nobodys', '--endpoint', ceph().endpoint)
      expect(run.status, describeRun(run)).toBe(10)
      expect(run.err).toContain(`there is no bucket nobodys at ${ceph().endpoint}`)
      expect(run.err).toContain('s3api create-bucket --bucket nobodys')
      expect(readdirSync(home)).toEqual([])
    })

    test('says which credentials it looked for, when there are none', async () => {
      const bucket = await ceph().makeBucket()
      const home = homeOf('anonymous')
      const words = ['--config', join(home, 'holdfast.yaml'), 'init', '--connection', server.connectionString]
      const where = [
        '--repository',
        `s3://${bucket}`,
        '--endpoint',
        ceph().endpoint,
        '--yes',
        '--no-encryption',
      ]
      const run = await startHoldfast([...words, ...where], {
        environment: { AWS_EC2_METADATA_DISABLED: 'true', HOME: home },
      }).ended
      expect(run.status, describeRun(run)).toBe(33)
    })

    test('proves that a second write is refused, writes a configuration without credentials, and tidies up', async () => {
      const bucket = await ceph().makeBucket()
      const home = homeOf('good')
      const run = await init(home, bucket, '--endpoint', ceph().endpoint)
      expect(run.status, describeRun(run)).toBe(0)
      expect(run.out).toContain(`repository     s3://${bucket}/pg (main)`)
      const text = readFileSync(join(home, 'holdfast.yaml'), 'utf8')
      expect(text).toContain(`endpoint: ${ceph().endpoint}`)
      expect(text).not.toContain(ceph().secretAccessKey)
      const again = await init(home, bucket, '--endpoint', ceph().endpoint)
      expect(again.status, describeRun(again)).toBe(0)
      expect(again.out).toContain(`(main) (was there)`)
      const other = await init(home, bucket, '--endpoint', 'https://other.example.com')
      expect(other.status, describeRun(other)).toBe(2)
      expect(other.err).toMatch(/otherwise than --endpoint/)
    })

    test('makes every repository of a configuration, a copy as well', async () => {
      const [here, there] = [await ceph().makeBucket(), await ceph().makeBucket()]
      const home = homeOf('several')
      const place = (bucket: string): string =>
        `{ url: s3://${bucket}/pg, endpoint: "${ceph().endpoint}", encryption: none`
      writeFileSync(
        join(home, 'holdfast.yaml'),
        `cluster: gathr\npostgres: { connection: "${server.connectionString}" }\nrepositories:\n` +
          `  main: ${place(here)} }\n  second: ${place(there)}, copy_of: main }\n`,
      )
      makeOwned(home)
      const run = await holdfast(home, 'init', '--yes')
      expect(run.status, describeRun(run)).toBe(0)
      expect(run.out).toContain(`s3://${here}/pg (main)`)
      expect(run.out).toContain(`s3://${there}/pg (second)`)
    })
  })

  describe('a server that replaces what is there', () => {
    let proxy: Server
    let endpoint: string
    beforeAll(async () => {
      proxy = forgetfulProxy(ceph().client(), new URL(ceph().endpoint).port)
      await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
      const address = proxy.address()
      endpoint = `http://127.0.0.1:${typeof address === 'object' && address ? String(address.port) : ''}`
    })
    afterAll(() => {
      proxy.closeAllConnections()
      proxy.close()
    })

    test('is found out by init, which says what is lost and how to go on', async () => {
      const bucket = await ceph().makeBucket()
      const home = homeOf('forgetful')
      const run = await init(home, bucket, '--endpoint', endpoint)
      expect(run.status, describeRun(run)).toBe(34)
      expect(run.err).toMatch(
        /does not keep what is written from being written over: .*(?:16 puts|replaced by a put)/,
      )
      expect(run.err).toMatch(/write_once: check under repositories\.main/)
    })

    test('is taken when that is said openly, and doctor says so each time', async () => {
      const bucket = await ceph().makeBucket()
      const home = homeOf('open')
      const run = await init(home, bucket, '--endpoint', endpoint, '--write-once', 'check')
      expect(run.status, describeRun(run)).toBe(0)
      expect(readFileSync(join(home, 'holdfast.yaml'), 'utf8')).toContain('write_once: check')
      expect(await toldBy(home)).toContainEqual(
        expect.stringMatching(/^advice: .*write_once: check.*nothing but the lease/),
      )
    })
  })

  describe('doctor', () => {
    test('finds a bucket without faults to be so, and leaves nothing in it', async () => {
      const bucket = await ceph().makeBucket()
      const home = homeOf('fine')
      await init(home, bucket, '--endpoint', ceph().endpoint)
      expect(await toldBy(home)).toEqual(
        expect.arrayContaining([
          `ok: s3://${bucket}/pg writes, reads, lists, and refuses a second write`,
          expect.stringMatching(/^advice: repository main keeps no older versions/),
          expect.stringMatching(/^advice: no lifecycle rule gives up unfinished uploads/),
          expect.stringMatching(/^ok: the credentials for main can .*delete backups/),
          "ok: the clock of repository main agrees with this host's",
        ]),
      )
      expect(await toldBy(home)).not.toContainEqual(expect.stringMatching(/^problem/))
    })

    test('finds lifecycle rules that would delete backups, and versions that are on', async () => {
      const bucket = await ceph().makeBucket()
      const home = homeOf('rules')
      await init(home, bucket, '--endpoint', ceph().endpoint)
      const client = ceph().client()
      const rule = {
        ID: 'tidy-up',
        Status: 'Enabled',
        Filter: { Prefix: '' },
        Expiration: { Days: 30 },
      } as const
      await client.send(
        new PutBucketLifecycleConfigurationCommand({
          Bucket: bucket,
          LifecycleConfiguration: { Rules: [rule] },
        }),
      )
      await client.send(
        new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }),
      )
      await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: 'pg/gathr/backups/x' }))
      expect(await toldBy(home)).toEqual(
        expect.arrayContaining([
          expect.stringMatching(/^problem: the lifecycle rule "tidy-up" deletes .* after 30 days/),
          'ok: repository main keeps what is deleted or overwritten',
        ]),
      )
    })
  })
})

/** A server that writes in spite of the condition: what is there is deleted before the write is passed on. */
function forgetfulProxy(client: S3Client, port: string): Server {
  const forget = async ({ method, headers, url = '' }: IncomingMessage): Promise<void> => {
    if (method !== 'PUT' || headers['if-none-match'] === undefined) return
    const [, Bucket = '', ...key] = decodeURIComponent(url.split('?', 1).join('')).split('/')
    await client.send(new DeleteObjectCommand({ Bucket, Key: key.join('/') }))
  }
  return createServer((incoming, outgoing) => {
    void forget(incoming).then(() => {
      const { method, url, headers } = incoming
      const onward = request({ host: '127.0.0.1', port, method, path: url, headers }, answer => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      })
      onward.on('error', () => outgoing.destroy())
      incoming.pipe(onward)
    })
  })
}
