/**
 * A laboratory whose repositories are buckets of a real S3 server (Ceph), each behind a proxy of its own in which
 * everything can go wrong. Several buckets behind several proxies stand for several regions.
 */
import { readFileSync } from 'node:fs'
import { ListMultipartUploadsCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import { expect } from 'vitest'
import type { BackupRecord } from '../../src/repository/format/backup-record.ts'
import { startCeph, type CephServer } from './ceph-server.ts'
import { openFaultProxy, type FaultProxy } from './fault-proxy.ts'
import { describeRun, jsonOf, type Run, type Running } from './holdfast.ts'
import { openLab, type Lab, type LabOptions } from './repository-lab.ts'
import { faultOf } from './restored-server.ts'

export interface Region {
  readonly name: string
  readonly bucket: string
  readonly proxy: FaultProxy
  /** Keys that are there, as the server itself says. */
  keys(): Promise<readonly string[]>
  /** Uploads that were begun and neither completed nor aborted. */
  openUploads(): Promise<number>
}

export interface BucketLab extends AsyncDisposable {
  readonly ceph: CephServer
  readonly lab: Lab
  readonly regions: Readonly<Record<string, Region>>
  /** The first. */
  readonly main: Region
  /** Another way to the first region, with faults of its own, so that tests can run at the same time. */
  aside(): Promise<Aside>
  /** All is well again on the way to every region. */
  heal(): Promise<void>
  listedIds(): Promise<readonly string[]>
}

export interface Aside {
  readonly proxy: FaultProxy
  /** Runs Holdfast with a configuration that goes this way. */
  run(args: readonly string[]): Promise<Run>
  start(args: readonly string[]): Running
}

export interface BucketLabOptions extends LabOptions {
  /** Names of the repositories; `main` alone unless told otherwise. */
  readonly regions?: readonly string[] | undefined
}

export async function openBucketLab(options: BucketLabOptions): Promise<BucketLab> {
  await using stack = new AsyncDisposableStack()
  const ceph = stack.use(await startCeph())
  const client = ceph.client()
  const regions: Record<string, Region> = {}
  for (const name of options.regions ?? ['main']) {
    const proxy = stack.use(await openFaultProxy(ceph.endpoint))
    regions[name] = openRegion(client, name, await ceph.makeBucket(), proxy)
  }
  const lab = stack.use(
    await openLab({
      ...options,
      repositories: encryption =>
        Object.fromEntries(
          Object.values(regions).map(region => [region.name, repositoryOf(ceph, region, encryption)]),
        ),
    }),
  )
  const held = stack.move()
  const [main] = Object.values(regions)
  if (!main) throw new Error('a lab has one region at least')
  return {
    ceph,
    lab,
    regions,
    main,
    async aside() {
      const proxy = held.use(await openFaultProxy(ceph.endpoint))
      const name = `aside-${new URL(proxy.url).port}.yaml`
      const path = lab.writeRepositoryConfig(name, { endpoint: proxy.url })
      return {
        proxy,
        run: args => lab.run(['--config', path, ...args]),
        start: args => lab.start(['--config', path, ...args]),
      }
    },
    async heal() {
      for (const { proxy } of Object.values(regions)) {
        await proxy.heal()
        proxy.forget()
      }
    },
    listedIds: async () => (await lab.json<readonly BackupRecord[]>(['list'])).map(({ id }) => id),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** How the configuration reaches a bucket through its proxy. */
export function repositoryOf(
  { region, accessKeyId, secretAccessKey }: CephServer,
  { bucket, proxy }: Region,
  encryption: unknown,
): Readonly<Record<string, unknown>> {
  const credentials = { access_key_id: accessKeyId, secret_access_key: secretAccessKey }
  return { url: `s3://${bucket}/pg`, endpoint: proxy.url, region, path_style: true, credentials, encryption }
}

/** It ended with this fault, said what to do next, and gave nothing away. */
export function expectFault(run: Run, code: string, exit: number, { ceph, lab }: BucketLab): void {
  expect(run.status, describeRun(run)).toBe(exit)
  const fault = faultOf(run)
  expect(fault.code, describeRun(run)).toBe(code)
  expect(fault.message).not.toMatch(/\.$/)
  expect(fault.hint).toMatch(/^[A-Z`].*[.)]$/s)
  expectNoSecret(run, ceph, lab)
}

export function expectNoSecret(run: Run, ceph: CephServer, lab: Lab): void {
  const identity = readFileSync(lab.identityPath, 'utf8')
  const [secretKey = ''] = /AGE-SECRET-KEY-\S+/.exec(identity) ?? []
  for (const secret of [ceph.secretAccessKey, secretKey]) {
    expect(run.out + run.err).not.toContain(secret)
    expect(lab.server.log()).not.toContain(secret)
  }
}

export function idOf(run: Run): string {
  return jsonOf<BackupRecord>(run).id
}

function openRegion(client: S3Client, name: string, bucket: string, proxy: FaultProxy): Region {
  return {
    name,
    bucket,
    proxy,
    async keys() {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }))
      return Contents.map(({ Key = '' }) => Key)
    },
    async openUploads() {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
      return Uploads.length
    },
  }
}
