/**
 * Two regions in buckets, for different keys: each is healed from the other, and `status` tells who is out of reach or behind,
 * with the exit status that monitors read.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { RepairReport } from '../src/operations/repair/report.ts'
import type { StatusReport } from '../src/operations/status/status.ts'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { openBucketLab, type BucketLab, type Region } from './support/bucket-lab.ts'
import { cephMissing } from './support/ceph-server.ts'
import { describeRun, jsonOf, type Run } from './support/holdfast.ts'

const reason = cephMissing()
if (reason !== undefined) console.warn(`left out: repair between buckets: ${reason}`)

describe.skipIf(reason !== undefined)('two regions', () => {
  let bench: BucketLab
  let second: Region
  let config: string
  let backup: BackupRecord

  beforeAll(async () => {
    bench = await openBucketLab({
      major: 15,
      build: 'debian',
      walSegmentSizeMb: 1,
      regions: ['main', 'second'],
    })
    const { lab, regions } = bench
    if (!regions['second']) throw new Error('there is a second region')
    second = regions['second']
    const otherKey = join(lab.server.root, 'other-identity.txt')
    const identity = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    lab.write(otherKey, identity)
    const { main, second: other } = lab.config.repositories
    const encryption = {
      recipients: [/public key: (age1\S+)/.exec(identity)?.[1]],
      identity: { file: otherKey },
    }
    config = lab.writeConfig('two.yaml', {
      repositories: { main, second: { ...other, copy_of: 'main', encryption } },
    })
    backup = await lab.backup()
    await lab.server.query('CREATE TABLE t AS SELECT generate_series(1, 1000) AS n')
    await lab.archiveAll()
    await ok('copy')
  })

  afterEach(() => bench.heal())
  afterAll(() => bench[Symbol.asyncDispose]())

  const run = (...args: readonly string[]): Promise<Run> => bench.lab.run(['--config', config, ...args])
  const ok = async (...args: readonly string[]): Promise<Run> => {
    const done = await run(...args)
    expect(done.status, describeRun(done)).toBe(0)
    return done
  }
  const keyOf = async (region: Region, part: string): Promise<string> => {
    const key = (await region.keys()).find(name => name.includes(part))
    if (key === undefined) throw new Error(`there is no ${part} in ${region.name}`)
    return key
  }

  test('are healed from one another, and restore and verify are content again', async () => {
    for (const region of [second, bench.main]) {
      const { name } = region
      await flip(bench, region, await keyOf(region, `/${backup.id}/data/`))
      await flip(bench, region, await keyOf(region, `/${backup.stopWal}.`))
      await remove(bench, region, await keyOf(region, `/${backup.id}/manifest.json`))
      const verify = await run('verify', '--repository', name)
      expect(verify.status, describeRun(verify)).toBe(25)

      const dry = await run('repair', '--repository', name, '--dry-run', '--json')
      expect(dry.status, describeRun(dry)).toBe(25)
      expect(jsonOf<RepairReport>(dry).mended).toHaveLength(3)
      const repair = jsonOf<RepairReport>(await ok('repair', '--repository', name, '--json'))
      expect(repair).toMatchObject({ unrepaired: [], mended: { length: 3 } })
      await ok('verify', '--repository', name)
    }
    expect((await ok('repair', '--repository', 'second')).out).toContain('everything is as it was written')
  })

  test('that are well are told to be, and one that is out of reach or behind is told with what to do', async () => {
    expect((await ok('status')).out).toMatch(/^OK/)
    await second.proxy.refuse()
    const dead = await run('status', '--json')
    expect(dead.status, describeRun(dead)).toBe(1)
    expect(jsonOf<StatusReport>(dead)).toMatchObject({
      state: 'warning',
      repositories: [{ name: 'main', backups: 1, fault: null }, { fault: { code: 'STORAGE_UNAVAILABLE' } }],
    })
    await bench.main.proxy.refuse()
    expect((await run('status')).status).toBe(3)
    await bench.heal()
    await second.proxy.heal()
    await bench.lab.backup()
    const behind = jsonOf<StatusReport>(await run('status', '--json'))
    expect(behind.repositories[1]?.lag).toMatchObject({ behind: 'main', backups: { length: 1 } })
    await ok('copy')
    expect((await ok('status')).out).toContain('none')
  })
})

async function flip({ ceph }: BucketLab, { bucket }: Region, Key: string): Promise<void> {
  const { Body } = await ceph.client().send(new GetObjectCommand({ Bucket: bucket, Key }))
  const bytes = Buffer.from((await Body?.transformToByteArray()) ?? [])
  const at = bytes.length - 30
  bytes[at] = (bytes[at] ?? 0) ^ 4
  await ceph.client().send(new PutObjectCommand({ Bucket: bucket, Key, Body: bytes }))
}

async function remove({ ceph }: BucketLab, { bucket }: Region, Key: string): Promise<void> {
  await ceph.client().send(new DeleteObjectCommand({ Bucket: bucket, Key }))
}
