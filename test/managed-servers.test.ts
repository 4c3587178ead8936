/** A managed server's snapshots on the command line, as the built program makes, lists and restores them (RDS as moto has it). */
import {
  CreateDBInstanceCommand,
  DeleteDBSnapshotCommand,
  DescribeDBSnapshotsCommand,
  RDSClient,
} from '@aws-sdk/client-rds'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { faultCatalogue } from '../src/base/fault.ts'
import { systemWorld } from '../src/base/world.ts'
import { initRepository } from '../src/repository/repository.ts'
import { openStorage } from '../src/storage/open.ts'
import { describeWithAws } from './support/describe-with-aws.ts'
import { describeRun, jsonOf, startHoldfast, type Run } from './support/holdfast.ts'
import { serverUser } from './support/postgres-binaries.ts'

const signal = new AbortController().signal

describeWithAws('a managed server', aws => {
  const folder = mkdtempSync(join(tmpdir(), 'hf-managed-'))
  const environment = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', HOME: folder }
  const runIt = (...args: readonly string[]): Promise<Run> =>
    startHoldfast(['--config', join(folder, 'holdfast.yaml'), ...args], { environment }).ended
  const holdfast = async (...args: readonly string[]): Promise<Run> => {
    const run = await runIt(...args)
    expect(run.status, describeRun(run)).toBe(0)
    return run
  }
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const rdsIn = (region: string): RDSClient =>
    new RDSClient({ endpoint: aws().endpoint, region, credentials })
  /** Behind the back of everybody. */
  const removeIn = async (region: string): Promise<void> => {
    const rds = rdsIn(region)
    const { DBSnapshots = [] } = await rds.send(new DescribeDBSnapshotsCommand({ SnapshotType: 'manual' }))
    for (const { DBSnapshotIdentifier } of DBSnapshots)
      await rds.send(new DeleteDBSnapshotCommand({ DBSnapshotIdentifier }))
  }

  beforeAll(async () => {
    const url = `file://${join(folder, 'repository')}`
    mkdirSync(join(folder, 'repository-2'))
    const identity = {
      cluster: 'gathr',
      systemIdentifier: '7481234567890123456',
      postgresMajor: 17,
      walSegmentSizeBytes: 16_777_216,
    }
    await initRepository(
      await openStorage({ url, make: true }, systemWorld()),
      identity,
      systemWorld(),
      signal,
    )
    writeFileSync(
      join(folder, 'holdfast.yaml'),
      `
cluster: gathr
postgres: { connection: postgresql://nobody@127.0.0.1:1/postgres }
repositories:
  main: { url: '${url}', encryption: none }
  second: { url: '${url}-2', encryption: none, copy_of: main }
snapshots:
  provider: aws-rds
  instance: gathr-db
  region: eu-central-1
  endpoint: ${aws().endpoint}
  copy_to: { region: eu-west-1 }
`,
    )
    const { uid, gid } = serverUser()
    execFileSync('chown', ['-R', `${String(uid)}:${String(gid)}`, folder])
    await rdsIn('eu-central-1').send(
      new CreateDBInstanceCommand({
        DBInstanceIdentifier: 'gathr-db',
        DBInstanceClass: 'db.m6g.large',
        Engine: 'postgres',
        EngineVersion: '17.4',
        AllocatedStorage: 100,
        MasterUsername: 'postgres',
        MasterUserPassword: 'correct-horse',
      }),
    )
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test('is snapshotted, listed, and comes back as a new server', async () => {
    const record = jsonOf<{ id: string; kind: string }>(
      await holdfast('snapshot', '--label', 'nightly', '--json'),
    )
    expect(record).toMatchObject({ kind: 'managed', provider: 'aws-rds', copy: { region: 'eu-west-1' } })
    expect(jsonOf<readonly { id: string }[]>(await holdfast('list', '--json')).map(({ id }) => id)).toEqual([
      record.id,
    ])
    expect((await holdfast('list')).out).toMatch(/aws-rds gathr-db .*nightly/)
    const restored = await holdfast('restore', '--backup', record.id, '--as-instance', 'gathr-new', '--json')
    expect(jsonOf<{ result: { address: string } }>(restored).result.address).toMatch(/:5432$/)
  })

  test('is shown, verified, told of by status, and known to the copy of the repository', async () => {
    const [{ id = '' } = {}] = jsonOf<readonly { id?: string }[]>(await holdfast('list', '--json'))
    expect((await holdfast('copy')).out).toMatch(/1 record of a managed server's snapshots[\s\S]*stays where/)
    expect((await holdfast('copy')).out).toContain('nothing to copy')
    const shown = await holdfast('show', id.slice(0, 18))
    expect(shown.out).toMatch(/reference +eu-central-1\/\S+ \(there\)\ncopy +in eu-west-1: \S+ \(there\)/)
    expect(shown.out).toMatch(/repository +main\nrepository +second/)
    expect(jsonOf(await holdfast('show', id, '--json'))).toMatchObject({
      repositories: ['main', 'second'],
      now: { snapshot: { state: 'ready' }, copy: { region: 'eu-west-1', state: 'ready' } },
    })
    expect(jsonOf(await holdfast('verify', '--json'))).toMatchObject({
      isGood: true,
      managed: [{ id, isRestorable: true, snapshot: 'ready', copy: { state: 'ready' } }],
      notChecked: [],
    })
    const status = await holdfast('status')
    expect(status.out).toContain('OK')
    expect(status.out).toMatch(new RegExp(`1, all there; the newest ${id}`))
  })

  test('a region that is lost is told of, and says nothing against what lies in the other', async () => {
    aws().trouble(({ region }) =>
      region === 'eu-west-1' ? { code: 'AccessDenied', status: 403 } : undefined,
    )
    try {
      const verified = jsonOf<{ notChecked: readonly string[] }>(await holdfast('verify', '--json'))
      expect(verified).toMatchObject({
        isGood: true,
        managed: [{ isRestorable: true, snapshot: 'ready', copy: { state: 'unknown' } }],
      })
      expect(verified.notChecked.join('\n')).toContain('could not be told')
    } finally {
      aws().trouble(() => undefined)
    }
  })

  test('when the snapshot vanishes, its copy is what is left, and comes back; then nothing is', async () => {
    const [{ id = '' } = {}] = jsonOf<readonly { id?: string }[]>(await holdfast('list', '--json'))
    await removeIn('eu-central-1')
    const verified = await runIt('verify')
    expect(verified.status).toBe(faultCatalogue.VERIFY_FAILED.exit)
    expect(verified.out).toMatch(/is gone\n +costs: \S+ can be restored from its copy in eu-west-1 only/)
    const status = await runIt('status', '--json')
    expect(jsonOf(status)).toMatchObject({
      state: 'warning',
      repositories: [{ managed: { restorable: 1 } }, {}],
    })
    await holdfast('restore', '--backup', id, '--as-instance', 'gathr-west')
    await removeIn('eu-west-1')
    expect((await runIt('show', id)).out).toMatch(/reference +\S+ \(GONE/)
    const after = await runIt('status')
    expect(after.status).toBe(2)
    expect(after.out).toMatch(/there is no backup[\s\S]*can not be restored/)
    const refused = await runIt('restore', '--backup', id, '--as-instance', 'gathr-other')
    expect(refused.status).toBe(faultCatalogue.SNAPSHOT_MISSING.exit)
  })
})
