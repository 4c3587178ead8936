/**
 * A repository some of which lies in a class that has to be thawed, as a rule of the bucket leaves it: what copies, checks,
 * mends and watches says what is cold, takes none of it for damage, and goes on with the rest.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import type { StatusReport } from '../src/operations/status/status.ts'
import type { RepairReport } from '../src/operations/repair/report.ts'
import { openColdBucket, coldClass, type ColdBucket } from './support/cold-bucket.ts'
import { describeRun, jsonOf, type Run } from './support/holdfast.ts'
import { motoMissing } from './support/moto-server.ts'
import { makeOwned } from './support/postgres-server.ts'
import { keysOf } from './support/repository-files.ts'
import { openLab, type Lab } from './support/repository-lab.ts'

const reason = motoMissing()
if (reason !== undefined) console.warn(`left out: copies of what lies cold: ${reason}`)

interface CopyJson {
  readonly copied: { readonly backups: readonly string[]; readonly dumps: readonly string[] }
  readonly cold: readonly { readonly what: string; readonly why: string; readonly objects: number }[]
  readonly thaw: {
    readonly objects: number
    readonly mostMs: number
    readonly classes: readonly string[]
  } | null
  readonly problems: readonly unknown[]
}

describe.skipIf(reason !== undefined)('a repository that lies partly in the cold', () => {
  let cold: ColdBucket
  let lab: Lab
  /** Its objects are cold, and its record is not. */
  let old: BackupRecord
  let recent: BackupRecord
  /** Cold with its very record. */
  let dump: string

  beforeAll(async () => {
    cold = await openColdBucket()
    lab = await openLab({
      major: 15,
      build: 'debian',
      walSegmentSizeMb: 1,
      repositories: encryption => ({ main: cold.repository(encryption) }),
      config: { archives: { monthly: { of: 'backups', keep: '10y' } } },
    })
    const second = `${lab.server.root}/second`
    makeOwned(second)
    const main = lab.config.repositories['main'] ?? {}
    lab.writeConfig('holdfast.yaml', {
      repositories: {
        main,
        second: { url: `file://${second}`, encryption: main['encryption'], copy_of: 'main' },
      },
    })
    await lab.server.query('CREATE TABLE t AS SELECT n FROM generate_series(1, 5000) n')
    old = await lab.backup(['--repository', 'main'])
    dump = (await lab.json<{ readonly id: string }>(['dump', 'postgres', '--repository', 'main'])).id
    await lab.ok(['archive', '--repository', 'main'])
    await delay(1000)
    recent = await lab.backup(['--repository', 'main'])
    await lab.archiveAll()
    await cold.freeze(`pg/lab/backups/${old.id}/data/`)
    await cold.freeze(`pg/lab/dumps/postgres/${dump}/`)
    await cold.freeze(`pg/lab/dumps/${dump}/`)
  })

  afterAll(async () => {
    await lab[Symbol.asyncDispose]()
    await cold[Symbol.asyncDispose]()
  })

  const copyOf = (run: Run): CopyJson => {
    const [report] = jsonOf<readonly CopyJson[]>(run)
    if (!report) throw new Error(describeRun(run))
    return report
  }
  const inSecond = (id: string): readonly string[] =>
    keysOf(`${lab.server.root}/second`).filter(key => key.includes(`/${id}/`))

  test('is shown by a dry run of a copy: what can be read, what is cold, and what it takes', async () => {
    const run = await lab.run(['copy', '--dry-run'])
    expect(run.status, describeRun(run)).toBe(37)
    expect(run.out).toContain(`backup ${recent.id}`)
    expect(run.out).toMatch(new RegExp(`COLD +backup ${old.id}: its objects can not be read before that`))
    expect(run.out).toMatch(new RegExp(`COLD +dump ${dump}: `))
    expect(run.out).toMatch(/objects \(.*\) in DEEP_ARCHIVE must be thawed: takes 9h 00m to 12h 00m, costs /)
    expect(run.out).toContain('--thaw')
    expect(run.out).not.toContain('PROBLEM')
  })

  test('is copied but for what is cold, which is told, and asked for by nobody', async () => {
    const run = await lab.run(['copy', '--json'])
    expect(run.status, describeRun(run)).toBe(37)
    const { copied, cold: left, thaw, problems } = copyOf(run)
    expect(copied).toMatchObject({ backups: [recent.id], dumps: [] })
    expect(left.map(({ what }) => what).toSorted()).toEqual([`backup ${old.id}`, `dump ${dump}`])
    expect(thaw).toMatchObject({ mostMs: 12 * 3_600_000, classes: [coldClass] })
    expect(problems).toEqual([])
    expect(inSecond(old.id)).toEqual([])
    await lab.ok(['verify', recent.id, '--repository', 'second'])
    expect(cold.proxy.asked).toEqual([])
  })

  test('is no damage to verify and repair', async () => {
    const verified = await lab.ok(['verify', '--repository', 'main'])
    expect(verified.out).toContain('by its sizes (cold)')
    expect(verified.out).toContain(`The record of ${dump} lies in a cold storage class`)
    expect(verified.out).toContain('what could be checked is as it was written')
    const repaired = await lab.json<readonly RepairReport[] | RepairReport>([
      'repair',
      '--repository',
      'main',
      '--dry-run',
    ])
    const [report] = [repaired].flat()
    expect(report).toMatchObject({ mended: [], unrepaired: [] })
    expect(report?.checked.cold).toBeGreaterThanOrEqual(2)
    expect(cold.proxy.asked).toEqual([])
  })

  test('is thawed by copy --thaw, and is whole in the second repository then', async () => {
    cold.proxy.thawIn(1)
    const { copied, cold: left, problems } = copyOf(await lab.ok(['copy', '--thaw', 'bulk', '--json']))
    expect({ copied, left, problems }).toMatchObject({
      copied: { backups: [old.id], dumps: [dump] },
      left: [],
      problems: [],
    })
    expect(cold.proxy.asked.length).toBeGreaterThanOrEqual(2)
    const verified = await lab.ok(['verify', '--repository', 'second'])
    expect(verified.out).toContain('everything is as it was written')
    expect(copyOf(await lab.ok(['copy', '--json'])).cold).toEqual([])
  })

  test('with its WAL and its oldest record in the cold, is told by status, doctor and wal status, and not as damage', async () => {
    await cold.freeze('pg/lab/wal/')
    await cold.freeze(`pg/lab/backups/${old.id}/`)
    await cold.remove(/^pg\/lab\/catalog\//)
    const status = await lab.run(['status', '--json'])
    const { findings } = jsonOf<StatusReport>(status)
    const ofMain = findings.filter(({ repository }) => repository === 'main')
    expect(ofMain.filter(({ code }) => code === 'backup-cold')).toMatchObject([
      { state: 'warning', subject: old.id, fix: expect.stringContaining('--thaw') as string },
    ])
    expect(ofMain.map(({ code }) => code)).not.toContain('backup-unreadable')
    expect(ofMain.map(({ code }) => code)).not.toContain('repository-unreachable')
    const wal = await lab.ok(['wal', 'status', '--repository', 'main'])
    expect(wal.out).toMatch(/What is missing\n +Nothing\./)
    const doctor = await lab.run(['doctor', '--repository', 'main', '--json'])
    expect(doctor.out.toLowerCase()).not.toMatch(/damage|corrupt/)
    const verified = await lab.ok(['verify', '--repository', 'main'])
    expect(verified.out).toMatch(
      /\d+ WAL files lie in a cold storage class and were not read: they are there\./,
    )
    expect((await lab.run(['list'])).err).not.toMatch(/damaged/)
  })

  test('with its newest backup in the cold, is told by doctor, and how long a thaw takes', async () => {
    const newest = (await lab.json<readonly BackupRecord[]>(['list', '--repository', 'main'])).at(-1)
    await cold.freeze(`pg/lab/backups/${newest?.id ?? ''}/data/`)
    const doctor = await lab.run(['doctor', '--repository', 'main'])
    expect(doctor.status, describeRun(doctor)).toBe(60)
    expect(doctor.out).toContain(`${newest?.id ?? ''}, lies in the cold`)
    expect(doctor.out).toMatch(new RegExp(`in ${coldClass} first, which takes 9h`))
  })
})
