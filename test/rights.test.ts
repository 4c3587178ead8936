/**
 * The policies that `holdfast policy` prints, on a server that enforces them: each role does its work with real verbs, and
 * nothing else, with the very keys that a thief would have.
 */
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { roles, type Role } from '../src/policy/rights/roles.ts'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import type { DumpRecord } from '../src/repository/format/dump-record.ts'
import { describeWithCeph } from './support/describe-with-ceph.ts'
import { describeRun, jsonOf, type Run } from './support/holdfast.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf } from './support/restored-server.ts'
import {
  grant,
  makeUsers,
  outcome,
  repositoryOf,
  writePolicyConfig,
  type Users,
} from './support/role-users.ts'

describeWithCeph('rights, enforced by a server', server => {
  let bucket: string
  let users: Users
  let lab: Lab
  let backup: BackupRecord
  let dump: DumpRecord
  const configs = new Map<Role, string>()
  let keys: readonly string[]
  const keyLike = (pattern: RegExp): string => keys.find(key => pattern.test(key)) ?? ''

  const as = (role: Role, ...args: readonly string[]): Promise<Run> =>
    lab.run(['--config', configs.get(role) ?? '', ...args])
  const ok = async (role: Role, ...args: readonly string[]): Promise<Run> => {
    const run = await as(role, ...args)
    expect(run.status, describeRun(run)).toBe(0)
    return run
  }
  const listKeys = async (): Promise<readonly string[]> => {
    const { Contents = [] } = await server()
      .client()
      .send(new ListObjectsV2Command({ Bucket: bucket }))
    return Contents.map(({ Key = '' }) => Key)
  }
  const get = (role: Role, Key: string): Promise<string> =>
    outcome(() =>
      server()
        .client(users[role])
        .send(new GetObjectCommand({ Bucket: bucket, Key })),
    )
  const put = (role: Role, Key: string): Promise<string> =>
    outcome(() =>
      server()
        .client(users[role])
        .send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x' })),
    )
  const remove = (role: Role, Key: string): Promise<string> =>
    outcome(() =>
      server()
        .client(users[role])
        .send(new DeleteObjectCommand({ Bucket: bucket, Key })),
    )

  /** What it comes to to put and to delete each object that there is, and new ones. */
  const tried = async (role: Role): Promise<readonly string[]> => {
    // Claims are no part of the repository: who writes anything makes them, and the bucket's rules take them away.
    const stored = keys.filter(key => !key.includes('/.claims/') && !isAudit(key))
    const all = [...stored, 'pg/lab/backups/new', 'pg/lab/probes/new', 'pg/lab/leases/new']
    return [...new Set(await Promise.all(all.flatMap(key => [put(role, key), remove(role, key)])))]
  }

  const isAudit = (key: string): boolean => key.startsWith('pg/lab/audit/')

  beforeAll(async () => {
    const ceph = server()
    bucket = await ceph.makeBucket()
    users = await makeUsers(ceph)
    await grant(ceph, writePolicyConfig(ceph, bucket), bucket)
    const repository = repositoryOf(ceph, bucket, users.writer, { rights: 'writer' })
    const config = {
      repositories: { main: repository },
      // For the keeper, who has to let go of the older one of each.
      retention: { backups: { last: 1 }, dumps: { last: 1 }, minimum: 1 },
      archives: { monthly: { of: 'backups', keep: '1y' }, dumped: { of: 'dumps', keep: '1y' } },
    }
    lab = await openLab({ major: 15, build: 'debian', encryption: 'none', config })
    for (const role of roles)
      configs.set(
        role,
        lab.writeConfig(`${role}.yaml`, {
          repositories: { main: repositoryOf(ceph, bucket, users[role], { rights: role }) },
        }),
      )
    await lab.server.query('CREATE TABLE accounts AS SELECT generate_series(1, 1000) AS id')
    backup = await lab.backup()
    dump = await lab.json<DumpRecord>(['dump', 'postgres'])
    await lab.server.query('INSERT INTO accounts VALUES (0)')
    await lab.archiveAll()
    await ok('archivist', 'archive')
    keys = await listKeys()
  })
  afterAll(() => lab[Symbol.asyncDispose]())

  describe('the writer', () => {
    test('has made the repository, a backup, a dump, and archives WAL', async () => {
      expect(keys).toContain(`pg/lab/backups/${backup.id}/backup.json`)
      expect(keys).toContain(`pg/lab/dumps/${dump.id}/dump.json`)
      expect(await lab.server.value('SELECT failed_count FROM pg_stat_archiver')).toBe('0')
    })

    test('pushes a segment again, and makes a second backup and dump', async () => {
      const name = await lab.server.value('SELECT last_archived_wal FROM pg_stat_archiver')
      const path = join(lab.server.dataDirectory, 'pg_wal', name)
      await ok('writer', 'wal', 'push', path)
      await ok('writer', 'backup')
      await ok('writer', 'dump', 'postgres')
    })

    test('neither deletes nor reads what it wrote', async () => {
      for (const pattern of dataPatterns)
        expect(await get('writer', keyLike(pattern)), String(pattern)).toBe('AccessDenied')
      const file = join(lab.server.root, 'stolen.dump')
      const fetched = await as('writer', 'dump-fetch', dump.id, file, '--json')
      expect(faultOf(fetched).code).toBe('STORAGE_DENIED')
      expect(await Promise.all(keys.map(key => remove('writer', key)))).toEqual(
        keys.map(() => 'AccessDenied'),
      )
      const all = { Bucket: bucket, Delete: { Objects: keys.map(Key => ({ Key })) } }
      const atOnce = (): Promise<unknown> => server().client(users.writer).send(new DeleteObjectsCommand(all))
      expect(await outcome(atOnce)).toBe('AccessDenied')
      expect((await listKeys()).filter(key => keys.includes(key))).toEqual(keys)
    })

    test('writes nowhere but where backups belong', async () => {
      expect(await put('writer', 'pg/other/backups/x')).toBe('AccessDenied')
      expect(await put('writer', 'elsewhere')).toBe('AccessDenied')
      expect(await put('writer', 'pg/lab/holds/none.json')).toBe('AccessDenied')
    })

    test('leaves few probes, however often init and doctor run', async () => {
      await ok('writer', 'init', '--yes')
      await as('writer', 'doctor')
      await as('writer', 'doctor')
      const probes = (await listKeys()).filter(key => key.includes('/probes/'))
      expect(probes.length).toBeLessThanOrEqual(2)
    })
  })

  describe('audit trails', () => {
    const theOne = (): string => keys.find(isAudit) ?? 'none'

    test('are put by whoever does something, and deleted by nobody', async () => {
      expect(theOne()).toMatch(/^pg\/lab\/audit\/.*\.jsonl\.zst$/)
      for (const role of roles) {
        expect(await put(role, `pg/lab/audit/${role}`), role).toBe(
          role === 'auditor' ? 'AccessDenied' : 'done',
        )
        expect(await remove(role, theOne()), role).toBe('AccessDenied')
      }
    })

    test('are read by the auditor, and not by who has no business with them', async () => {
      expect(await get('auditor', theOne())).toBe('done')
      expect(await get('keeper', theOne())).toBe('AccessDenied')
    })

    test('go on where keys may put and list, but not read', async () => {
      const before = jsonOf<readonly { last: number }[]>(await as('writer', 'audit', 'send', '--json'))
      await ok('writer', 'hold')
      await ok('writer', 'backup')
      const after = jsonOf<readonly { last: number }[]>(await as('writer', 'audit', 'send', '--json'))
      expect(after[0]?.last).toBe((before[0]?.last ?? 0) + 2)
    })
  })

  describe('the restorer', () => {
    test('lists, shows, verifies and restores', async () => {
      await ok('restorer', 'list')
      await ok('restorer', 'show', backup.id)
      await ok('restorer', 'wal', 'status')
      await ok('restorer', 'verify', backup.id)
      await ok('restorer', 'restore', '--target-dir', join(lab.server.root, 'restored'))
    })

    test('fetches, verifies and restores a dump, and what lies in the archive', async () => {
      await ok('restorer', 'show', dump.id)
      await ok('restorer', 'verify', dump.id)
      await ok('restorer', 'dump-fetch', dump.id, join(lab.server.root, 'fetched.dump'))
      await ok('restorer', 'restore-dump', dump.id, '--database', 'restored', '--from', 'postgres')
      await ok('restorer', 'verify', '--repository', 'main/archive')
    })

    test('writes no backup and deletes nothing; whom it made the restored forget it writes down', async () => {
      expect(await tried('restorer')).toEqual(['AccessDenied'])
      expect(await put('restorer', 'pg/lab/erasures/requests/x/request.json')).toBe('AccessDenied')
      expect(await put('restorer', 'pg/lab/erasures/applied/20260301T020000Z-1f00a2c4.json')).toBe('done')
    })
  })

  describe('the auditor', () => {
    test('lists, shows and asks for the state', async () => {
      await ok('auditor', 'list')
      await ok('auditor', 'show', backup.id)
      await ok('auditor', 'show', dump.id)
      expect((await ok('auditor', 'list', '--kind', 'dump')).out).toContain(dump.id)
      await ok('auditor', 'archive', '--dry-run')
      await ok('auditor', 'wal', 'status')
      const status = await as('auditor', 'status', '--json')
      expect(describeRun(status)).not.toMatch(/AccessDenied/)
    })

    test('reads no data, and writes and deletes nothing', async () => {
      for (const pattern of [...dataPatterns, /\/wal\/\d{8}\/.*\.zst$/])
        expect(await get('auditor', keyLike(pattern)), String(pattern)).toBe('AccessDenied')
      expect(await tried('auditor')).toEqual(['AccessDenied'])
    })
  })

  describe('the archivist', () => {
    test('has archived a backup and a dump, and has nothing to do again', async () => {
      for (const { id } of [backup, dump])
        expect(
          keys.some(key => key.startsWith('pg/lab/archive/') && key.includes(id)),
          id,
        ).toBe(true)
      expect((await ok('archivist', 'archive')).out).toContain('nothing to archive')
    })

    test('writes nothing but the archive, and deletes nothing', async () => {
      const outside = keys.filter(key => !/^pg\/(lab\/archive|\.claims)\//.test(key) && !isAudit(key))
      expect(new Set(await Promise.all(outside.map(key => put('archivist', key))))).toEqual(
        new Set(['AccessDenied']),
      )
      expect(new Set(await Promise.all(keys.map(key => remove('archivist', key))))).toEqual(
        new Set(['AccessDenied']),
      )
    })
  })

  describe('the doctor', () => {
    const rightsAs = async (role: Role, rights: string = role): Promise<readonly string[]> => {
      const repository = repositoryOf(server(), bucket, users[role], { rights })
      const config = lab.writeConfig('rights.yaml', { repositories: { main: repository } })
      const run = await lab.run(['--config', config, 'doctor', '--json'])
      const { findings } = jsonOf<{
        findings: readonly { area: string; state: string; message: string }[]
      }>(run)
      return findings
        .filter(({ area }) => area === 'rights')
        .map(({ state, message }) => `${state}: ${message}`)
    }

    test.each(['restorer', 'keeper', 'auditor'] as const)('finds the %s as it should be', async role => {
      expect(await rightsAs(role)).toEqual([
        `ok: the credentials for main can do what a ${role} needs, and nothing beyond it`,
      ])
    })

    test('finds of the writer only what this server can not refuse', async () => {
      expect(await rightsAs('writer')).toEqual([
        expect.stringMatching(/^problem: .* can overwrite what is there.*no older version stays/),
      ])
    })

    test('says what is beyond a role, and what is missing', async () => {
      expect(await rightsAs('keeper', 'writer')).toEqual([
        expect.stringMatching(/^problem: .* meant for a writer, and can not write backups/),
        expect.stringMatching(/^problem: .* meant for a writer, and can also delete backups, delete WAL/),
      ])
    })

    test('says what somebody who may do everything can do, and what that means', async () => {
      const bucket = await server().makeBucket()
      const repository = repositoryOf(server(), bucket, server())
      const config = lab.writeConfig('owner.yaml', { repositories: { main: repository } })
      const { err, status } = await lab.run(['--config', config, 'init', '--yes'])
      expect(status, err).toBe(0)
      const run = await lab.run(['--config', config, 'doctor'])
      expect(run.out).toMatch(
        /the credentials for main can write backups, overwrite what is there, delete backups/,
      )
      expect(run.out).toMatch(
        /whoever steals the credentials for main from this host can delete every backup/,
      )
      expect(run.out).toMatch(/keeps no older versions/)
      expect(run.out).toMatch(/no lifecycle rule gives up unfinished uploads/)
    })
  })

  describe('the keeper', () => {
    test('reads no backup and writes none', async () => {
      expect(await get('keeper', keyLike(/data\/00001/))).toBe('AccessDenied')
      for (const name of ['data/00009.tar.zst', 'backup.json'])
        expect(await put('keeper', `pg/lab/backups/20260101T000000Z-full/${name}`)).toBe('AccessDenied')
      expect(await put('keeper', 'pg/lab/wal/00000001/00000000/x.zst')).toBe('AccessDenied')
    })

    test('expires what retention lets go, of backups and dumps, and not what is archived', async () => {
      const run = await ok('keeper', 'expire', '--yes')
      expect(run.out, describeRun(run)).toMatch(/main: .*removed/)
      const left = await listKeys()
      for (const { id } of [backup, dump]) {
        expect(left.filter(key => key.includes(id) && !key.startsWith('pg/lab/archive/'))).toEqual([])
        expect(left.filter(key => key.includes(id))).not.toEqual([])
      }
      await ok('restorer', 'verify')
    })
  })
})

/** What holds data: of backups, of dumps, and of the archive. */
const dataPatterns = [
  /lab\/backups\/.*data\/00001/,
  /manifest\.json/,
  /backup_manifest/,
  /lab\/dumps\/.*parts\/.*\.dump/,
  /lab\/dumps\/.*globals/,
  /archive\/backups\/.*data\/00001/,
  /archive\/dumps\/.*parts\/.*\.dump/,
]
