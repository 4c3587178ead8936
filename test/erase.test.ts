/**
 * Requests to forget a person, from the first word to the last: nobody who connects to a restored server meets somebody who
 * asked to be forgotten, however hard they try, and whatever goes wrong.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AppliedRecord, ErasureRecord } from '../src/repository/format/erasure-record.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import { freePort, startOutsider, type Door } from './support/outsider.ts'
import { makeOwned } from './support/postgres-server.ts'
import { keysOf } from './support/repository-files.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf, restore, tryRestore, untilRecovered } from './support/restored-server.ts'
import { until } from './support/until.ts'

const build = 'debian'
const anna = "SELECT count(*) FROM users WHERE email = 'anna@example.org'"
const forgetAnna = `-- everything that we know of Anna
DELETE FROM orders WHERE user_id IN (SELECT id FROM users WHERE email = 'anna@example.org');
DELETE FROM users WHERE email = 'anna@example.org';
`

interface Added extends ErasureRecord {
  readonly rows: readonly { readonly command: string; readonly rows: number | null }[] | null
}

interface Status {
  readonly id: string
  readonly gone: string | null
  readonly places: readonly {
    readonly items: readonly { readonly kind: string; readonly gone: string | null }[]
  }[]
}

interface Restored {
  readonly plan: { readonly erasures: { readonly pending: readonly string[] } }
  readonly closed: boolean
  readonly erasures?: readonly {
    readonly id: string
    readonly outcome: string
    readonly statements: unknown
  }[]
}

describe('a request to forget a person', () => {
  let lab: Lab
  let doors: readonly Door[]
  let sql: string
  let dump: { readonly id: string }

  const live = async (statement: string): Promise<string> => {
    const client = await lab.server.connect('shop')
    try {
      const { rows } = await client.query<Record<string, unknown>>(statement)
      return String(Object.values(rows[0] ?? {})[0])
    } finally {
      await client.end()
    }
  }
  const add = (...args: readonly string[]): Promise<Added> =>
    lab.json<Added>([
      'erase',
      'add',
      '--subject',
      'request 4711',
      '--sql',
      sql,
      '--database',
      'shop',
      ...args,
    ])
  const appliedRecords = (): readonly AppliedRecord[] =>
    keysOf(lab.repositoryDirectory)
      .filter(key => key.includes('/erasures/applied/'))
      .map(key => JSON.parse(readFileSync(join(lab.repositoryDirectory, key), 'utf8')) as AppliedRecord)

  beforeAll(async () => {
    const port = await freePort()
    lab = await openLab({ major: 15, build })
    const open = join(lab.server.root, 'open')
    makeOwned(open)
    doors = [
      { host: open, port },
      { host: '127.0.0.1', port },
    ]
    // What the test's own server is started with wins over these: they are for the restored one.
    lab.server.configure({ unix_socket_directories: open, port, listen_addresses: '127.0.0.1' })
    await lab.server.query('CREATE DATABASE shop')
    const client = await lab.server.connect('shop')
    await client.query(`
      CREATE TABLE users (id int PRIMARY KEY, email text);
      CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users DEFERRABLE INITIALLY DEFERRED);
      INSERT INTO users VALUES (1, 'anna@example.org'), (2, 'bert@example.org');
      INSERT INTO orders VALUES (1, 1), (2, 1), (3, 2)`)
    await client.end()
    await lab.backup()
    dump = await lab.json<{ id: string }>(['dump'])
    await lab.server.query("SELECT pg_create_restore_point('with Anna')")
    sql = join(lab.server.root, 'forget.sql')
    lab.write(sql, forgetAnna)
  })

  afterAll(() => lab[Symbol.asyncDispose]())

  test('is tried on the live server, which keeps everything', async () => {
    const added = await add()
    expect(added.rows).toEqual([
      { command: 'DELETE', rows: 2 },
      { command: 'DELETE', rows: 1 },
    ])
    expect(added.settled).toBe(false)
    expect(await live(anna)).toBe('1')
    await lab.ok(['erase', 'withdraw', added.id, '--reason', 'only a trial'])
    const listed = await lab.json<{ id: string; subject: string; withdrawn: object | null }[]>([
      'erase',
      'list',
    ])
    expect(listed).toMatchObject([{ id: added.id, subject: 'request 4711', withdrawn: {} }])
  })

  test.each([
    ['fails on the live server', 'DELETE FROM customers;', 'relation "customers" does not exist'],
    ['breaks a constraint at the end', 'DELETE FROM users WHERE id = 2;', 'violates foreign key constraint'],
    ['would end the transaction', 'DELETE FROM users; COMMIT;', 'COMMIT has no place here'],
    ['is cut off', "DELETE FROM users WHERE email = 'anna", 'quoted text does not end'],
  ])('is not stored when it %s', async (_, text, message) => {
    const path = join(lab.server.root, 'wrong.sql')
    lab.write(path, text)
    const before = keysOf(lab.repositoryDirectory).length
    const run = await lab.run([
      'erase',
      'add',
      '--subject',
      'x',
      '--sql',
      path,
      '--database',
      'shop',
      '--json',
    ])
    expect(run.status, describeRun(run)).toBe(57)
    expect(faultOf(run).message).toContain(message)
    expect(keysOf(lab.repositoryDirectory)).toHaveLength(before)
    expect(await live('SELECT count(*) FROM users')).toBe('2')
  })

  test('says nothing of the person to who has no key', async () => {
    const main = lab.config.repositories['main']
    const { recipients } = main?.['encryption'] as { recipients: readonly string[] }
    const config = lab.writeRepositoryConfig('no-key.yaml', { encryption: { recipients } })
    const run = await lab.ok(['--config', config, 'erase', 'list', '--json'])
    expect(jsonOf<{ subject: string | null }[]>(run)).toMatchObject([{ subject: null }])
    const stored = keysOf(lab.repositoryDirectory)
      .filter(key => key.includes('/erasures/'))
      .map(key => readFileSync(join(lab.repositoryDirectory, key), 'latin1'))
    expect(stored.join()).not.toMatch(/anna|4711|only a trial/)
  })

  describe('that was carried out in production', () => {
    let request: Added

    beforeAll(async () => {
      request = await add('--apply')
      await lab.archiveAll()
    })

    test('deleted the person there, in one transaction', async () => {
      expect(await live(anna)).toBe('0')
      expect(request.settled).toBe(true)
      expect(request.rows).toEqual([
        { command: 'DELETE', rows: 2 },
        { command: 'DELETE', rows: 1 },
      ])
    })

    test('is applied to a dump before the database has its name, and then it is as it was dumped', async () => {
      const args = ['restore-dump', dump.id, '--database', 'shop_then', '--from', 'shop']
      const outsider = startOutsider([{ host: lab.server.socketDirectory, port: 5432 }], {
        database: 'shop_then',
        sql: anna,
      })
      const result = await lab.json<Restored>(args)
      await until('an outsider got in', () => outsider.seen.answers.length > 0)
      expect(new Set((await outsider.leave()).answers)).toEqual(new Set(['0']))
      expect(result.erasures).toMatchObject([{ id: request.id, outcome: 'applied' }])
      expect(appliedRecords().at(-1)).toMatchObject({ operation: 'restore-dump', from: dump.id })
      expect(await lab.server.value("SELECT datconnlimit FROM pg_database WHERE datname = 'shop_then'")).toBe(
        '-1',
      )
      expect(await lab.server.value("SELECT count(*) FROM pg_database WHERE datname ~ 'restoring'")).toBe('0')
    })

    test('keeps single tables from coming back with the person in them', async () => {
      const { result } = await lab.json<{ result: { erasures: unknown } }>([
        ...['restore-table', 'public.users', '--to-name', 'with Anna', '--database', 'shop'],
      ])
      expect(result.erasures).toMatchObject([{ id: request.id, outcome: 'applied' }])
      expect(await live(anna.replace('FROM users', 'FROM restored.users'))).toBe('0')
      expect(await live('SELECT count(*) FROM restored.users')).toBe('1')
      await live('DROP SCHEMA restored CASCADE')
    })

    test('leaves the person in the backups until they expire, and says until when', async () => {
      const config = lab.writeConfig('retention.yaml', {
        retention: { backups: { within: '10d' }, dumps: { within: '20d' } },
      })
      const told = await lab.json<Status[]>(['--config', config, 'erase', 'status'])
      expect(told).toMatchObject([
        { id: request.id, subject: 'request 4711', settled: true, places: [{ repository: 'main' }] },
      ])
      const [{ gone, places } = { gone: null, places: [] }] = told
      const items = places[0]?.items ?? []
      expect(items.map(({ kind }) => kind)).toEqual(['full', 'dump'])
      const days = (date: string | null): number =>
        Math.round((Date.parse(date ?? '') - Date.now()) / 86_400_000)
      expect(items.map(one => days(one.gone))).toEqual([10, 20])
      expect(days(gone)).toBe(20)
      await lab.ok(['hold', dump.id, '--reason', 'case 4711'])
      const held = await lab.json<Status[]>(['--config', config, 'erase', 'status'])
      expect(held[0]?.places[0]?.items[1]).toMatchObject({ gone: null, because: 'held: case 4711' })
    })

    describe('whose original is lost', () => {
      beforeAll(() => lab.server.stop())

      test('is applied to an older state before the first outsider gets in', async () => {
        const outsider = startOutsider(doors, { database: 'shop', sql: anna })
        await using restored = await restore(lab, ['--to-name', 'with Anna', '--start'], { build })
        const before = outsider.seen.refused
        await until('an outsider got in', () => outsider.seen.answers.length > 3)
        const { answers } = await outsider.leave()
        expect(before).toBeGreaterThan(0)
        expect(new Set(answers)).toEqual(new Set(['0']))
        const result = jsonOf<Restored>(restored.run)
        expect(result.closed).toBe(false)
        expect(result.erasures).toMatchObject([
          {
            id: request.id,
            outcome: 'applied',
            statements: [
              { command: 'DELETE', rows: 2 },
              { command: 'DELETE', rows: 1 },
            ],
          },
        ])
        expect(appliedRecords().at(-1)).toMatchObject({
          operation: 'restore',
          requests: [{ outcome: 'applied' }],
        })
        await stopServer(restored.server.dataDirectory)
      })

      test('is not applied to a state that came after it', async () => {
        await using restored = await restore(lab, ['--latest', '--start'], { build })
        const result = jsonOf<Restored>(restored.run)
        expect(result.plan.erasures.pending).toEqual([])
        expect(result.erasures).toEqual([])
        await stopServer(restored.server.dataDirectory)
      })

      test('keeps a restored directory shut until it is applied, whoever starts the server', async () => {
        await using restored = await restore(lab, ['--to-name', 'with Anna'], { build })
        const { server } = restored
        expect(jsonOf<Restored>(restored.run).closed).toBe(true)
        await startedByHand(server)
        for (const database of ['shop', 'postgres'])
          await expect(server.connect(database)).rejects.toThrow(/pg_hba.conf rejects connection/)
        await server.stop()
        const applied = await lab.json<Restored>(['erase', 'apply', '--target-dir', server.dataDirectory])
        expect(applied.erasures).toMatchObject([{ id: request.id, outcome: 'applied' }])
        await server.start()
        await untilRecovered(server)
        const client = await server.connect('shop')
        expect((await client.query<{ count: string }>(anna)).rows).toEqual([{ count: '0' }])
        await client.end()
      })

      test('is left out on a word that is written down', async () => {
        const args = ['--to-name', 'with Anna', '--start', '--skip-erasures', 'court order 12/26']
        await using restored = await restore(lab, args, { build })
        expect(appliedRecords().at(-1)).toMatchObject({
          skipReason: 'court order 12/26',
          requests: [{ id: request.id, outcome: 'skipped' }],
        })
        const outsider = startOutsider(doors, { database: 'shop', sql: anna })
        await until('an outsider got in', () => outsider.seen.answers.length > 0)
        expect((await outsider.leave()).answers[0]).toBe('1')
        await stopServer(restored.server.dataDirectory)
      })

      test('is shown with all that was done about it', async () => {
        const { requests } = await lab.json<{
          requests: readonly {
            sql: readonly string[]
            applied: readonly { operation: string; outcome: string }[]
          }[]
        }>(['erase', 'export', request.id])
        expect(requests[0]?.sql).toHaveLength(2)
        expect(requests[0]?.applied.map(({ operation, outcome }) => `${operation}: ${outcome}`)).toEqual([
          'restore-dump: applied',
          'restore-table: applied',
          'restore: applied',
          'apply: applied',
          'restore: skipped',
        ])
      })

      test('that fails keeps the server shut, until it is withdrawn', async () => {
        lab.write(sql, `${forgetAnna}DELETE FROM newsletter WHERE email = 'anna@example.org';`)
        const failing = await add('--unchecked')
        const outsider = startOutsider(doors, { database: 'shop', sql: anna })
        await using restored = await tryRestore(lab, ['--to-name', 'with Anna', '--start'], { build })
        const { run, server } = restored
        expect(run.status, describeRun(run)).toBe(56)
        expect(faultOf(run).message).toContain('relation "newsletter" does not exist')
        expect(existsSync(join(server.dataDirectory, 'postmaster.pid'))).toBe(false)
        expect(appliedRecords().at(-1)?.requests).toMatchObject([
          { outcome: 'applied' },
          { outcome: 'failed' },
        ])
        await startedByHand(server)
        await expect(server.connect('shop')).rejects.toThrow(/pg_hba.conf rejects connection/)
        await server.stop()
        expect((await outsider.leave()).answers).toEqual([])
        await lab.ok(['erase', 'withdraw', failing.id, '--reason', 'there was no newsletter then'])
        await lab.ok(['erase', 'apply', '--target-dir', server.dataDirectory])
        await server.start()
        const client = await server.connect('shop')
        expect((await client.query<{ count: string }>(anna)).rows).toEqual([{ count: '0' }])
        await client.end()
      })
    })
  })
})

/** Nobody can ask it when it is ready, so its log is read. */
async function startedByHand(server: { start(): Promise<void>; log(): string }): Promise<void> {
  await server.start().catch(() => undefined)
  await until('the server accepts connections', () =>
    server.log().includes('database system is ready to accept connections'),
  )
}

/** One that Holdfast started. */
async function stopServer(dataDirectory: string): Promise<void> {
  const path = join(dataDirectory, 'postmaster.pid')
  execFileSync('kill', ['-INT', readFileSync(path, 'utf8').split('\n')[0] ?? ''])
  await until('the server has stopped', () => !existsSync(path))
}
