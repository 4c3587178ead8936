/**
 * Out of the cold: an archive in DEEP_ARCHIVE on moto's S3, which refuses to read what was not thawed, behind a proxy on which
 * thawing takes time. A restore, of a backup or of a dump, says what it takes and writes nothing; with --thaw it asks, waits,
 * and goes on by itself.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CopyObjectCommand } from '@aws-sdk/client-s3'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import { coldClass, openColdBucket, type ColdBucket } from './support/cold-bucket.ts'
import { motoMissing } from './support/moto-server.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf, restoreAndStart, tryRestore } from './support/restored-server.ts'
import type { ThawProxy } from './support/thaw-proxy.ts'
import { until } from './support/until.ts'

const reason = motoMissing()
if (reason !== undefined) console.warn(`left out: restoring from a cold class: ${reason}`)

interface ThawPlan {
  readonly objects: number
  readonly underWay: number
  readonly bytes: number
  readonly mostMs: number
  readonly cost: number
  readonly classes: readonly string[]
}

/** WAL that leads on from the backup, put beside it as cold as it is. */
async function freezeWal({ client, bucket, keys }: ColdBucket): Promise<void> {
  for (const key of await keys('pg/lab/wal/')) {
    const to = { Bucket: bucket, Key: key.replace('pg/lab/', 'pg/lab/archive/') }
    if ((await keys(to.Key)).length > 0) continue
    const CopySource = `${bucket}/${key}`
    await client.send(new CopyObjectCommand({ ...to, CopySource, StorageClass: coldClass }))
  }
}

describe.skipIf(reason !== undefined)('an archive in a cold class', () => {
  let cold: ColdBucket
  let proxy: ThawProxy
  let lab: Lab
  let backup: BackupRecord
  let target: readonly string[]
  /** A moment behind the backup, in WAL that is cold. */
  let moment: string

  beforeAll(async () => {
    cold = await openColdBucket()
    proxy = cold.proxy
    lab = await openLab({
      major: 15,
      build: 'debian',
      repositories: encryption => ({ main: cold.repository(encryption) }),
      config: {
        archives: { monthly: { of: 'backups', keep: '10y' }, dumped: { of: 'dumps', keep: '10y' } },
      },
    })
    await lab.server.query('CREATE TABLE t AS SELECT n FROM generate_series(1, 5000) n')
    backup = await lab.backup()
    await lab.ok(['archive'])
    await lab.server.query('INSERT INTO t SELECT n FROM generate_series(5001, 6000) n')
    await delay(20)
    const [now] = await lab.server.query<{ now: string }>('SELECT clock_timestamp()::text AS now')
    moment = now?.now ?? ''
    await delay(20)
    await lab.server.query('INSERT INTO t SELECT n FROM generate_series(6001, 9000) n')
    await lab.archiveAll()
    await freezeWal(cold)
    await cold.remove(/^pg\/lab\/(backups|wal|catalog)\//)
    target = ['--backup', backup.id, '--to-immediate']
  })

  afterAll(async () => {
    await lab[Symbol.asyncDispose]()
    await cold[Symbol.asyncDispose]()
  })

  test('is listed, shown and verified as far as that goes without thawing', async () => {
    expect((await lab.json<readonly BackupRecord[]>(['list'])).map(({ id }) => id)).toEqual([backup.id])
    const verified = await lab.ok(['verify', '--repository', 'main/archive'])
    expect(verified.out, describeRun(verified)).toContain('by its sizes (cold)')
    expect(verified.out).toContain('lie in a cold storage class and were not read')
    expect(verified.out).toContain('what could be checked is as it was written')
    expect(proxy.asked).toEqual([])
  })

  test('is refused before anything is written, with how long it takes, what it costs, and the command', async () => {
    const refused = await tryRestore(lab, target)
    const { code, message, hint } = faultOf(refused.run)
    expect([refused.run.status, code], describeRun(refused.run)).toEqual([26, 'OBJECT_COLD'])
    expect(message).toMatch(
      /^\d+ objects \(.*\) in DEEP_ARCHIVE must be thawed before they can be read: takes 9h 00m to 12h 00m, costs less than 0.01 USD \(prices of us-east-1, /,
    )
    expect(hint).toContain('--thaw')
    expect(existsSync(join(refused.server.dataDirectory, 'PG_VERSION'))).toBe(false)
    await refused[Symbol.asyncDispose]()
    expect(proxy.asked).toEqual([])
  })

  test('is planned with all of it, by the prices of a file of our own where there is one', async () => {
    const run = await lab.ok([
      'restore',
      '--target-dir',
      join(lab.server.root, 'planned'),
      ...target,
      '--plan',
      '--json',
      '--thaw',
      'bulk',
    ])
    const { plan } = jsonOf<{ plan: { thaw: ThawPlan } }>(run)
    expect(plan.thaw).toMatchObject({ underWay: 0, mostMs: 48 * 3_600_000, classes: [coldClass] })
    expect(plan.thaw.objects).toBeGreaterThanOrEqual(2)
    expect(proxy.asked).toEqual([])
  })

  test('a speed that the class does not have is refused before anything is asked for', async () => {
    const refused = await tryRestore(lab, [...target, '--thaw', 'expedited'])
    expect(faultOf(refused.run).message).toContain('can not be thawed at the speed "expedited"')
    await refused[Symbol.asyncDispose]()
    expect(proxy.asked).toEqual([])
  })

  test('is thawed and waited for; who stops and runs it again asks for nothing twice, and goes on', async () => {
    proxy.thawIn(1_000_000)
    const running = lab.start([
      'restore',
      '--target-dir',
      join(lab.server.root, 'stopped'),
      ...target,
      '--thaw',
      'bulk',
      '--yes',
    ])
    await until('everything was asked for', () => Promise.resolve(proxy.asked.length >= 2 ? true : undefined))
    let said = ''
    running.child.stderr?.on('data', (piece: Buffer) => (said += piece.toString()))
    await until('it is waiting', () =>
      Promise.resolve(said.includes('still being thawed') ? true : undefined),
    )
    running.kill('SIGTERM')
    const stopped = await running.ended
    expect(stopped.status, describeRun(stopped)).toBe(143)
    const asked = proxy.asked.length
    expect(new Set(proxy.asked).size).toBe(asked)
    // One look to plan, one to begin to wait, and one that finds it.
    proxy.thawIn(2)
    await using restored = await restoreAndStart(lab, [...target, '--thaw', 'bulk'])
    expect(proxy.asked.length).toBe(asked)
    const { plan } = jsonOf<{ plan: { thaw: ThawPlan } }>(restored.run)
    expect(plan.thaw.underWay).toBe(asked)
    const [row] = await restored.server.query<{ count: string }>('SELECT count(*) FROM t')
    expect(Number(row?.count)).toBe(5000)
  })

  test('what is thawed is read at once, as long as it is', async () => {
    await using restored = await restoreAndStart(lab, target)
    expect(jsonOf<{ plan: { thaw: unknown } }>(restored.run).plan.thaw).toBeNull()
    const verified = await lab.ok(['verify', '--repository', 'main/archive'])
    expect(verified.out, describeRun(verified)).toContain('everything is as it was written')
  })

  test('a time inside of cold WAL is planned to the end of it, and found when that was thawed', async () => {
    const toTime = ['--to-time', moment]
    const before = proxy.asked.length
    const refused = await tryRestore(lab, toTime)
    expect(faultOf(refused.run).code, describeRun(refused.run)).toBe('OBJECT_COLD')
    await refused[Symbol.asyncDispose]()
    expect(proxy.asked.length).toBe(before)
    await using restored = await restoreAndStart(lab, [...toTime, '--thaw'])
    expect(proxy.asked.length).toBeGreaterThan(before)
    expect(jsonOf<{ plan: { thaw: unknown } }>(restored.run).plan.thaw).toBeNull()
    const [row] = await restored.server.query<{ count: string }>('SELECT count(*) FROM t')
    expect(Number(row?.count)).toBe(6000)
  })

  describe('a dump in it', () => {
    let id: string
    let words: readonly string[]
    const path = (name: string): string => join(lab.server.root, name)
    const databases = async (): Promise<readonly string[]> =>
      (await lab.server.query<{ datname: string }>('SELECT datname FROM pg_database')).map(
        ({ datname }) => datname,
      )

    beforeAll(async () => {
      id = (await lab.json<{ readonly id: string }>(['dump', 'postgres'])).id
      words = [id, '--database', 'thawed', '--from', 'postgres']
      await lab.ok(['dump-fetch', id, path('before.dump')])
      await lab.ok(['archive', 'dumped'])
      await cold.remove(/^pg\/lab\/(dumps|dump-catalog)\//)
      proxy.asked.length = 0
    })

    test('is refused by both commands before anything is written or asked for', async () => {
      const refused = [
        await lab.run(['restore-dump', ...words, '--json']),
        await lab.run(['dump-fetch', id, path('after.dump'), '--json']),
      ]
      for (const run of refused) {
        const { code, message, hint } = faultOf(run)
        expect([run.status, code], describeRun(run)).toEqual([26, 'OBJECT_COLD'])
        expect(message).toMatch(
          /^1 object \(.*\) in DEEP_ARCHIVE must be thawed before they can be read: takes 9h 00m to 12h 00m, costs less than 0.01 USD /,
        )
        expect(hint).toContain('--thaw')
      }
      expect(existsSync(path('after.dump'))).toBe(false)
      expect(await databases()).not.toContain('thawed')
      expect(proxy.asked).toEqual([])
    })

    test('is verified as far as that goes without thawing', async () => {
      const verified = await lab.ok(['verify', '--repository', 'main/archive'])
      expect(verified.out, describeRun(verified)).toContain('1 of 1 dumps lie in a cold storage class')
      expect(verified.out).toContain('by its sizes (cold)')
      expect(proxy.asked).toEqual([])
    })

    test('is planned with how long it takes and what it costs', async () => {
      const run = await lab.ok(['restore-dump', ...words, '--thaw', 'bulk', '--plan', '--json'])
      const { plan } = jsonOf<{ plan: { isProvisional: boolean; rows: number; thaw: ThawPlan } }>(run)
      expect(plan).toMatchObject({ isProvisional: true, rows: 9000 })
      expect(plan.thaw).toMatchObject({ objects: 1, mostMs: 48 * 3_600_000, classes: [coldClass] })
      const told = await lab.ok(['restore-dump', ...words, '--plan'])
      expect(told.out).toMatch(/^thaw +1 object \(.*\) in DEEP_ARCHIVE must be thawed$/m)
      expect(proxy.asked).toEqual([])
    })

    test('that could not be restored anyway is not thawed', async () => {
      const there = await lab.run(['restore-dump', id, '--database', 'postgres', '--thaw', '--json'])
      expect(faultOf(there).code, describeRun(there)).toBe('DATABASE_EXISTS')
      const taken = await lab.run(['dump-fetch', id, path('before.dump'), '--thaw', '--json'])
      expect(faultOf(taken).code, describeRun(taken)).toBe('USAGE')
      expect(proxy.asked).toEqual([])
    })

    test('is thawed and waited for, restored, and fetched as the very file', async () => {
      // The first look finds it on its way, so that it is waited for.
      proxy.thawIn(1)
      const run = await lab.ok(['restore-dump', ...words, '--thaw', '--json'])
      expect(proxy.asked).toHaveLength(1)
      const { plan } = jsonOf<{ plan: { isProvisional: boolean; thaw: ThawPlan } }>(run)
      expect(plan).toMatchObject({ isProvisional: false, thaw: { objects: 1, underWay: 0 } })
      const restored = await lab.server.connect('thawed')
      const { rows } = await restored.query<{ count: string }>('SELECT count(*) FROM t')
      await restored.end()
      expect(rows).toEqual([{ count: '9000' }])
      await lab.ok(['dump-fetch', id, path('after.dump')])
      expect(readFileSync(path('after.dump')).equals(readFileSync(path('before.dump')))).toBe(true)
      proxy.thawIn(0)
      await lab.ok(['dump-fetch', id, path('globals.sql'), '--globals', '--thaw'])
      expect(proxy.asked).toHaveLength(2)
    })

    test('that lies in the repository itself, cold with its very record, is thawed as well', async () => {
      const kept = (await lab.json<{ readonly id: string }>(['dump', 'postgres'])).id
      await cold.freeze(`pg/lab/dumps/${kept}/`)
      proxy.asked.length = 0
      const refused = await lab.run(['dump-fetch', kept, path('kept.dump'), '--json'])
      expect(faultOf(refused).code, describeRun(refused)).toBe('OBJECT_COLD')
      expect(faultOf(refused).message).toContain('must be thawed before they can be read: takes')
      expect(proxy.asked).toEqual([])
      proxy.thawIn(0)
      await lab.ok(['dump-fetch', kept, path('kept.dump'), '--thaw'])
      expect(proxy.asked.some(key => key.endsWith('/dump.json'))).toBe(true)
      expect(existsSync(path('kept.dump'))).toBe(true)
    })
  })

  describe('with the very records in the cold, as a rule of the bucket leaves them', () => {
    beforeAll(async () => {
      await cold.freeze(`pg/lab/archive/backups/${backup.id}/`)
      await cold.freeze('pg/lab/dumps/')
      proxy.asked.length = 0
      proxy.thawIn(0)
    })

    test('hides nothing else, is damaged to nobody, and asks for nothing by itself', async () => {
      const listed = await lab.json<readonly { readonly id: string }[]>(['list'])
      expect(listed.some(({ id }) => id.endsWith('-dump'))).toBe(true)
      for (const place of ['main', 'main/archive']) {
        const verified = await lab.ok(['verify', '--repository', place])
        expect(verified.out, describeRun(verified)).toMatch(/The record of .* lies in a cold storage class/)
      }
      const repaired = await lab.ok(['repair', '--dry-run'])
      expect(repaired.out, describeRun(repaired)).toMatch(
        /1 object in a cold storage class: there, and not read/,
      )
      expect(repaired.out).not.toContain('DAMAGED')
      expect(proxy.asked).toEqual([])
    })

    test('is refused with what it takes, and with --thaw restored', async () => {
      const refused = await tryRestore(lab, target)
      const { code, message, hint } = faultOf(refused.run)
      expect([refused.run.status, code], describeRun(refused.run)).toEqual([26, 'OBJECT_COLD'])
      expect(message).toMatch(
        /^\d+ objects \(.*\) in DEEP_ARCHIVE must be thawed before they can be read: takes/,
      )
      expect(hint).toContain('--thaw')
      await refused[Symbol.asyncDispose]()
      expect(proxy.asked).toEqual([])
      await using restored = await restoreAndStart(lab, [...target, '--thaw'])
      expect(proxy.asked.some(key => key.endsWith('/backup.json'))).toBe(true)
      expect(await restored.server.value('SELECT count(*) FROM t')).toBe('5000')
    })
  })
})
