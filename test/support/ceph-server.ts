/**
 * Throw-away S3 servers for tests: a real Ceph, of a monitor, one OSD in memory, and radosgw.
 *
 * Each lives in its own temporary folder, listens on the loopback, and ends with `await using`, with `stop()`, or at
 * the latest when the process that started it dies: a small shell process watches for that. It is up in two seconds.
 */
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Socket, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { StorageDescription } from '../../src/storage/open.ts'
import { cephConf } from './ceph-conf.ts'
import { folderOfServers } from './server-folder.ts'
import { findProgram } from './tools.ts'

const run = promisify(execFile)

export interface CephOptions {
  /** Besides STANDARD, for example STANDARD_IA. Each costs a quarter of a second. */
  readonly storageClasses?: readonly string[] | undefined
  /** Speaks https with a certificate made for it. */
  readonly tls?: boolean | undefined
  /** Lines for the section `[client.rgw]` of ceph.conf. */
  readonly gatewayConf?: readonly string[] | undefined
  readonly sizeBytesMax?: number | undefined
}

export interface CephUser {
  readonly uid: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface BucketOptions {
  readonly name?: string | undefined
  readonly versioned?: boolean | undefined
  /** Makes it versioned, too. */
  readonly objectLock?: boolean | undefined
  readonly owner?: CephUser | undefined
}

export interface CephServer extends AsyncDisposable {
  readonly endpoint: string
  readonly region: string
  /** Of the user who owns the buckets, and who may use radosgw's administration API. */
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** The certificate (PEM) that proves the server, with `tls`. */
  readonly certificate: string | undefined
  /** The temporary folder that holds everything; tests may put their own things into it. */
  readonly root: string
  /** A client of the vendor's, for what tests look at behind the driver's back. */
  client(user?: CephUser): S3Client
  /** Returns the name of the new bucket. */
  makeBucket(options?: BucketOptions): Promise<string>
  /** A user with nothing but a pair of keys; `caps` as `radosgw-admin caps add` takes them. */
  makeUser(options?: { readonly uid?: string; readonly caps?: string }): Promise<CephUser>
  /** Runs `radosgw-admin` with these arguments; returns what it prints. */
  admin(...args: readonly string[]): Promise<string>
  /** How to open the bucket, for `openStorage`. */
  description(bucket: string, prefix?: string, user?: CephUser): StorageDescription
  /** Requests are taken and hang until `resume`. */
  pauseOsd(): void
  resumeOsd(): void
  /** SIGKILL: connections break, the next are refused. What is stored stays. */
  killGateway(): Promise<void>
  startGateway(): Promise<void>
  /** SIGSTOP: connections are made and take bytes, and nothing is ever answered, until `continueGateway`. */
  hangGateway(): void
  continueGateway(): void
  stop(): Promise<void>
}

/** Why there can be no Ceph here, if so. */
export function cephMissing(): string | undefined {
  const programs = ['ceph', 'ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin']
  const missing = programs.filter(name => findProgram(name).path === undefined)
  if (missing.length === 0) return undefined
  return `${missing.join(', ')} not found: sh scripts/setup.sh --tests installs Ceph`
}

export async function startCeph(options: CephOptions = {}): Promise<CephServer> {
  const root = mkdtempSync(join(folderOfServers(), 'hf-ceph-'))
  const watchdog = startWatchdog(root)
  const server = new Ceph(root, watchdog, options, await freePort(), await freePort())
  try {
    await server.start()
    return server
  } catch (error) {
    const logs = server.logs()
    await server.stop()
    throw new Error(`Ceph did not start\n${logs}`, { cause: error })
  }
}

class Ceph implements CephServer {
  readonly root: string
  readonly region = 'us-east-1'
  readonly accessKeyId = 'holdfast-test'
  readonly secretAccessKey = randomBytes(15).toString('hex')
  readonly endpoint: string
  certificate: string | undefined
  readonly #options: CephOptions
  readonly #watchdog: ChildProcess
  readonly #monitorPort: number
  readonly #gatewayPort: number
  readonly #clients: S3Client[] = []
  #monitor: ChildProcess | undefined
  #osd: ChildProcess | undefined
  #gateway: ChildProcess | undefined
  #count = 0

  constructor(
    root: string,
    watchdog: ChildProcess,
    options: CephOptions,
    monitorPort: number,
    gatewayPort: number,
  ) {
    this.root = root
    this.#watchdog = watchdog
    this.#options = options
    this.#monitorPort = monitorPort
    this.#gatewayPort = gatewayPort
    this.endpoint = `${options.tls === true ? 'https' : 'http'}://127.0.0.1:${String(gatewayPort)}`
  }

  async start(): Promise<void> {
    for (const folder of ['mon', 'osd', 'rgw', 'run', 'log'])
      mkdirSync(join(this.root, folder), { mode: 0o700 })
    const fsid = randomUUID()
    writeFileSync(this.#conf, cephConf(await this.#settings(fsid)), { mode: 0o600 })
    await this.#startMonitor(fsid)
    await this.#startOsd()
    await this.#makeOwner()
    for (const name of this.#options.storageClasses ?? []) await this.#makeClass(name)
    await this.startGateway()
  }

  get #conf(): string {
    return join(this.root, 'ceph.conf')
  }

  async #settings(fsid: string): Promise<Parameters<typeof cephConf>[0]> {
    const certificatePath = this.#options.tls === true ? await this.#makeCertificate() : undefined
    return {
      root: this.root,
      fsid,
      monitorPort: this.#monitorPort,
      gatewayPort: this.#gatewayPort,
      certificatePath,
      sizeBytesMax: this.#options.sizeBytesMax ?? 8 * 2 ** 30,
      extra: this.#options.gatewayConf ?? [],
    }
  }

  /** Signed by itself; whoever trusts it as an authority trusts the server. */
  async #makeCertificate(): Promise<string> {
    const [key, certificate, both] = ['key.pem', 'certificate.pem', 'both.pem'].map(name =>
      join(this.root, name),
    ) as [string, string, string]
    const names = 'subjectAltName=IP:127.0.0.1,DNS:localhost'
    await run('openssl', [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', '/CN=holdfast test', '-addext', names, '-keyout', key, '-out', certificate],
    ])
    this.certificate = readFileSync(certificate, 'utf8')
    writeFileSync(both, `${readFileSync(key, 'utf8')}${this.certificate}`, { mode: 0o600 })
    return both
  }

  async #startMonitor(fsid: string): Promise<void> {
    const map = join(this.root, 'monmap')
    const address = `[v2:127.0.0.1:${String(this.#monitorPort)}]`
    await run('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', address, map])
    await this.#run('ceph-mon', '-i', 'a', '--mkfs', '--monmap', map)
    this.#monitor = this.#spawn('ceph-mon', '-i', 'a', '--public-addr', '127.0.0.1')
  }

  async #startOsd(): Promise<void> {
    const uuid = randomUUID()
    const id = (await this.#run('ceph', 'osd', 'new', uuid)).trim()
    await this.#run('ceph-osd', '-i', id, '--mkfs', '--osd-uuid', uuid)
    this.#osd = this.#spawn('ceph-osd', '-i', id)
  }

  /** The first user makes the zone, so this comes before anything else that the gateway needs. */
  async #makeOwner(): Promise<void> {
    await this.admin(
      ...['user', 'create', '--uid', 'owner', '--display-name', 'owner', '--caps', 'users=*;buckets=*'],
      ...['--access-key', this.accessKeyId, '--secret-key', this.secretAccessKey],
    )
  }

  async #makeClass(name: string): Promise<void> {
    const placement = ['--placement-id', 'default-placement', '--storage-class', name]
    await this.admin('zonegroup', 'placement', 'add', '--rgw-zonegroup', 'default', ...placement)
    const pool = `default.rgw.buckets.${name.toLowerCase().replaceAll('_', '-')}`
    await this.admin('zone', 'placement', 'add', '--rgw-zone', 'default', ...placement, '--data-pool', pool)
  }

  async startGateway(): Promise<void> {
    const gateway = this.#spawn('radosgw', '-n', 'client.rgw')
    this.#gateway = gateway
    for (let waitedMs = 0; !(await answers(this.#gatewayPort)); waitedMs += 20) {
      if (gateway.exitCode !== null || waitedMs > 60_000) throw new Error('radosgw does not answer')
      await delay(20)
    }
  }

  async killGateway(): Promise<void> {
    await end(this.#gateway)
    this.#gateway = undefined
  }

  hangGateway(): void {
    this.#gateway?.kill('SIGSTOP')
  }

  continueGateway(): void {
    this.#gateway?.kill('SIGCONT')
  }

  pauseOsd(): void {
    this.#osd?.kill('SIGSTOP')
  }

  resumeOsd(): void {
    this.#osd?.kill('SIGCONT')
  }

  admin(...args: readonly string[]): Promise<string> {
    return this.#run('radosgw-admin', ...args)
  }

  client(user: Pick<CephUser, 'accessKeyId' | 'secretAccessKey'> = this): S3Client {
    const { accessKeyId, secretAccessKey } = user
    const client = new S3Client({
      endpoint: this.endpoint,
      region: this.region,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: { httpsAgent: { ca: this.certificate } },
    })
    this.#clients.push(client)
    return client
  }

  async makeBucket({ name, versioned, objectLock, owner }: BucketOptions = {}): Promise<string> {
    const client = this.client(owner)
    const bucket = name ?? `bucket-${String(++this.#count)}`
    await client.send(
      new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: objectLock === true }),
    )
    if (versioned === true && objectLock !== true) {
      const VersioningConfiguration = { Status: 'Enabled' } as const
      await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }))
    }
    client.destroy()
    return bucket
  }

  async makeUser(options: { readonly uid?: string; readonly caps?: string } = {}): Promise<CephUser> {
    const uid = options.uid ?? `user-${String(++this.#count)}`
    const user = { uid, accessKeyId: `key-of-${uid}`, secretAccessKey: randomBytes(15).toString('hex') }
    const caps = options.caps === undefined ? [] : ['--caps', options.caps]
    const keys = ['--access-key', user.accessKeyId, '--secret-key', user.secretAccessKey]
    await this.admin('user', 'create', '--uid', uid, '--display-name', uid, ...keys, ...caps)
    return user
  }

  description(
    bucket: string,
    prefix = '',
    user: Pick<CephUser, 'accessKeyId' | 'secretAccessKey'> = this,
  ): StorageDescription {
    return {
      url: `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`,
      access: {
        endpoint: this.endpoint,
        region: this.region,
        certificates: this.certificate,
        credentials: { kind: 'access-key', id: user.accessKeyId, secret: user.secretAccessKey },
      },
    }
  }

  /** The end of what the daemons said, to tell why they did not start. */
  logs(): string {
    return ['ceph-mon', 'ceph-osd', 'radosgw']
      .map(name => `${name}: ${tail(join(this.root, 'log', `${name}.out`))}`)
      .join('\n')
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.destroy()
    await Promise.all([this.#gateway, this.#osd, this.#monitor].map(end))
    rmSync(this.root, { recursive: true, force: true })
    // Last, so that it finishes the work if we are killed in the midst of it.
    this.#watchdog.kill('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #run(program: string, ...args: readonly string[]): Promise<string> {
    const { stdout } = await run(program, ['-c', this.#conf, ...args], { timeout: 60_000 })
    return stdout
  }

  #spawn(program: string, ...args: readonly string[]): ChildProcess {
    const log = openSync(join(this.root, 'log', `${program}.out`), 'a', 0o600)
    const child = spawn(program, ['-f', '-c', this.#conf, ...args], {
      stdio: ['ignore', log, log],
      detached: true,
      cwd: '/',
      env: { PATH: process.env['PATH'] },
    })
    closeSync(log)
    child.unref()
    writeFileSync(join(this.root, 'pids'), `${String(child.pid)}\n`, { flag: 'a' })
    return child
  }
}

/** $1: the folder of the server, to remove. */
const watchdogScript = `
  cat >/dev/null
  for pid in $(cat "$1/pids" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null; done
  for i in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$1" && exit; sleep 1; done`

/** Ends the server and removes its folder when this process is gone, however it went: its pipe then closes. */
function startWatchdog(root: string): ChildProcess {
  const child = spawn('/bin/sh', ['-c', watchdogScript, 'watchdog', root], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  })
  child.unref()
  // The pipe must not keep this process alive either.
  if (child.stdin instanceof Socket) child.stdin.unref()
  return child
}

/** Nothing that a throw-away server holds is worth an orderly end. */
async function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.ref()
  child.kill('SIGKILL')
  await ended
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => {
      resolve(false)
    })
  })
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise(resolve => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

function tail(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-2000)
  } catch {
    return ''
  }
}
