/**
 * Dumps and their restores, met half way: by connections that are cut, programs that are killed, repositories that go away
 * and disks that are full, and by people who change their minds at any moment.
 */
import { readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DumpRecord } from '../src/repository/format/dump-record.ts'
import { flipByte } from './support/damage.ts'
import { openGateProxy, type GateProxy, type HeldConnection } from './support/gate-proxy.ts'
import { describeRun, jsonOf, type Run } from './support/holdfast.ts'
import { clientDirectory } from './support/postgres-clients.ts'
import { makeOwned } from './support/postgres-server.ts'
import { catchUp, startStandby } from './support/postgres-standby.ts'
import { seededRandom } from './support/random.ts'
import { keysOf, stagedFiles } from './support/repository-files.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { smallDisk, whyNoSmallDisk } from './support/small-disk.ts'
import { until } from './support/until.ts'

const ways = [[[]], [['--jobs', '2']]] as const
/** Less than the large table has, more than lies in pipes and buffers while nobody reads. */
const halfWayBytes = 15_000_000

let lab: Lab
let gate: GateProxy
/** The configuration of two repositories, with a connection through the gate. */
let config: string
let whole: DumpRecord
const second = (): string => join(lab.server.root, 'second')

beforeAll(async () => {
  lab = await openLab({ major: 15, build: 'debian', encryption: 'none' })
  gate = await openGateProxy(join(lab.server.socketDirectory, `.s.PGSQL.${String(lab.server.port)}`))
  makeOwned(second())
  const main = lab.config.repositories['main']
  config = lab.writeConfig('both.yaml', {
    postgres: {
      connection: `postgresql://postgres@127.0.0.1:${String(gate.port)}/postgres?sslmode=disable`,
      bin_directory: clientDirectory(15),
    },
    write: 'all',
    repositories: { main, second: { ...main, url: `file://${second()}` } },
    compression: { level: 1 },
  })
  await lab.ok(['--config', config, 'init', '--yes'])
  await lab.server.query('CREATE DATABASE shop')
  const shop = await lab.server.connect('shop')
  await shop.query(`CREATE TABLE small AS SELECT generate_series(1, 100) AS n; CREATE UNLOGGED TABLE scratch (n int);
    CREATE TABLE large AS SELECT string_agg(md5(random()::text), '') AS t FROM generate_series(1, 800000) i GROUP BY i % 3000`)
  await shop.end()
  whole = await lab.json<DumpRecord>(['--config', config, 'dump', 'shop'])
})
afterAll(async () => {
  await gate[Symbol.asyncDispose]()
  await lab[Symbol.asyncDispose]()
})

const dumpKeys = (folder: string): readonly string[] => keysOf(folder).filter(key => key.includes('/dumps/'))
const databases = async (): Promise<unknown> =>
  lab.server.query('SELECT datname, datallowconn FROM pg_database ORDER BY 1')
/** Nobody holds the lease any more. */
function isFree(folder: string): boolean {
  const leases = join(folder, 'lab/leases/dump')
  const newest = readdirSync(leases).toSorted().at(-1) ?? ''
  return (JSON.parse(readFileSync(join(leases, newest), 'utf8')) as { released: boolean }).released
}

/** Runs a command, and does something when a connection has carried half of the data. */
async function halfWay(
  args: readonly string[],
  from: 'client' | 'server',
  meddle: (held: HeldConnection, pid: number) => unknown,
): Promise<Run> {
  const reached = gate.hold(from, halfWayBytes)
  const running = lab.start(['--config', config, ...args, '--json'])
  const held = await Promise.race([reached, running.ended])
  if ('status' in held) throw new Error(`it ended before: ${describeRun(held)}`)
  await meddle(held, running.child.pid ?? 0)
  return running.ended
}

async function keepsNothing(work: () => Promise<Run>, status: number, says: RegExp): Promise<void> {
  const folders = [lab.repositoryDirectory, second()]
  const before = folders.map(dumpKeys)
  const run = await work()
  expect(run.status, describeRun(run)).toBe(status)
  expect(run.err).toMatch(says)
  expect(folders.map(dumpKeys)).toEqual(before)
  expect(folders.map(folder => stagedFiles(folder))).toEqual([[], []])
  expect(folders.map(isFree)).toEqual([true, true])
  await until('no pg_dump is left', async () => {
    const left = await lab.server.query(`SELECT 1 FROM pg_stat_activity WHERE application_name ~ 'dump'`)
    return left.length === 0
  })
}

describe.each(ways)('a dump half way, %j', way => {
  test('whose connection is cut keeps nothing', async () => {
    const work = (): Promise<Run> =>
      halfWay(['dump', 'shop', ...way], 'server', held => {
        held.cut()
      })
    await keepsNothing(work, 40, /POSTGRES_UNREACHABLE.*pg_dump/s)
  })

  test('whose pg_dump is killed keeps nothing', async () => {
    const work = (): Promise<Run> =>
      halfWay(['dump', 'shop', ...way], 'server', (held, pid) => {
        process.kill(pgDumpOf(pid), 'SIGKILL')
        held.letGo()
      })
    await keepsNothing(work, 28, /DUMP_FAILED.*pg_dump was ended by SIGKILL/s)
  })

  test('that is told to end keeps nothing', async () => {
    const work = (): Promise<Run> =>
      halfWay(['dump', 'shop', ...way], 'server', (held, pid) => {
        process.kill(pid, 'SIGINT')
        held.letGo()
      })
    await keepsNothing(work, 130, /./)
  })
})

describe('a dump to two repositories', () => {
  test('one of whose repositories goes away is whole in the other', async () => {
    const run = await halfWay(['dump', 'shop', '--jobs', '2'], 'server', held => {
      renameSync(second(), `${second()}-away`)
      held.letGo()
    })
    rmSync(second(), { recursive: true, force: true })
    renameSync(`${second()}-away`, second())
    expect(run.status, describeRun(run)).toBe(37)
    const dump = jsonOf<DumpRecord & { repositories: unknown }>(run)
    expect(dump.repositories).toMatchObject([
      { name: 'main', state: 'whole' },
      { name: 'second', state: 'behind' },
    ])
    expect(dump.sizes.rows).toBe(whole.sizes.rows)
    await lab.ok(['verify', dump.id])
    await lab.ok(['--config', config, 'copy', '--from', 'main', '--to', 'second', dump.id])
  })

  test('all of whose repositories go away is told of each', async () => {
    const folders = [lab.repositoryDirectory, second()]
    const run = await halfWay(['dump', 'shop'], 'server', held => {
      for (const folder of folders) renameSync(folder, `${folder}-away`)
      held.letGo()
    })
    for (const folder of folders) {
      rmSync(folder, { recursive: true, force: true })
      renameSync(`${folder}-away`, folder)
    }
    expect(run.status, describeRun(run)).not.toBe(0)
    expect(run.err).toMatch(/main.*second/s)
    expect(dumpKeys(second()).filter(key => key.endsWith('dump.json')).length).toBeGreaterThan(0)
  })
})

const noSmallDisk = whyNoSmallDisk()
if (noSmallDisk !== undefined) console.warn(`full disk: not tested: ${noSmallDisk}`)

test.skipIf(noSmallDisk !== undefined).each(ways)(
  'a full disk ends a dump, which keeps nothing, %j',
  async way => {
    using disk = smallDisk(5)
    const repositories = { main: { url: `file://${disk.directory}`, encryption: 'none' } }
    const small = lab.writeConfig('small.yaml', { repositories })
    await lab.ok(['--config', small, 'init', '--yes'])
    const run = await lab.run(['--config', small, 'dump', 'shop', ...way, '--json'])
    expect(run.status, describeRun(run)).toBe(32)
    expect(run.err).toContain('STORAGE_FULL')
    expect(dumpKeys(disk.directory)).toEqual([])
    expect(stagedFiles(disk.directory)).toEqual([])
  },
)

test('a standby is dumped as the primary is, but for what only the primary has', async () => {
  await using standby = await startStandby(lab.server, { build: 'debian' })
  await catchUp(lab.server, standby)
  const connection = standby.connectionString
  const there = lab.writeConfig('standby.yaml', {
    postgres: { connection, bin_directory: clientDirectory(15) },
  })
  const dump = await lab.json<DumpRecord>(['--config', there, 'dump', 'shop', '--jobs', '2'])
  expect(dump).toMatchObject({ fromStandby: true, systemIdentifier: whole.systemIdentifier })
  // The rows of an unlogged table are not there.
  expect(dump.sizes).toMatchObject({ rows: whole.sizes.rows, tables: whole.sizes.tables - 1 })
  const { result } = await lab.json<{ result: unknown }>([
    'restore-dump',
    dump.id,
    '--database',
    'from_standby',
  ])
  expect(result).toMatchObject({ rows: whole.sizes.rows })
})

/** Runs a dump that waits for a lock on a table of the shop, does something meanwhile, and ends the lock as that says. */
async function whileWaiting(
  args: readonly string[],
  meddle: () => Promise<'COMMIT' | 'ROLLBACK'>,
  locking = 'LOCK TABLE small IN ACCESS EXCLUSIVE MODE',
): Promise<Run> {
  const shop = await lab.server.connect('shop')
  try {
    await shop.query(`BEGIN; ${locking}`)
    const running = lab.start([...args, '--json'])
    await until('pg_dump waits for the lock', async () => {
      const waiting = await lab.server.query(
        `SELECT 1 FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'`,
      )
      return waiting.length > 0
    })
    await shop.query(await meddle())
    return await running.ended
  } finally {
    await shop.end()
  }
}

describe('what happens while databases are dumped', () => {
  let rewritten = 0

  test('with several jobs, nobody is kept waiting for whose rows nobody reads', async () => {
    const run = await halfWay(['dump', 'shop', '--jobs', '2'], 'server', async held => {
      await until('only the session that gives the large table is left', async () => {
        const sessions = await lab.server.query(
          `SELECT 1 FROM pg_stat_activity WHERE application_name = 'pg_dump'`,
        )
        return sessions.length === 1
      })
      held.letGo()
    })
    expect(run.status, describeRun(run)).toBe(0)
  })

  test('tables and databases that are dropped before their turn comes do not fail the dump', async () => {
    await lab.server.query('CREATE DATABASE zoo')
    await lab.server.query('CREATE DATABASE zulu')
    const zoo = await lab.server.connect('zoo')
    await zoo.query(
      'CREATE TABLE stays AS SELECT 1 AS n; CREATE TABLE goes AS SELECT 1 AS n; CREATE VIEW v AS SELECT 1',
    )
    const run = await whileWaiting(['dump'], async () => {
      await zoo.query('DROP TABLE goes; DROP VIEW v; TRUNCATE stays; INSERT INTO stays VALUES (1), (2)')
      await lab.server.query('DROP DATABASE zulu')
      return 'ROLLBACK'
    })
    await zoo.end()
    expect(run.status, describeRun(run)).toBe(0)
    const dump = jsonOf<DumpRecord>(run)
    expect(dump.databases.find(({ name }) => name === 'zoo')).toMatchObject({ tables: 1, rows: 2 })
    expect(dump.databases.map(({ name }) => name)).not.toContain('zulu')
    expect(dump.warnings).toEqual(['zulu: it was dropped before its turn came, and is not in this dump'])
  })

  test.each(ways)(
    'a table that is rewritten while pg_dump waits for it is dumped with its rows, %j',
    async way => {
      // Another type each time, so that it is rewritten each time.
      const type = rewritten === 0 ? 'text' : 'int USING n::int'
      const rewriting = `ALTER TABLE small ALTER n TYPE ${type}; INSERT INTO small SELECT generate_series(1, 20)`
      const args = ['dump', 'shop', '--exclude-table-data', 'large', ...way]
      const run = await whileWaiting(args, () => Promise.resolve('COMMIT'), rewriting)
      expect(run.status, describeRun(run)).toBe(0)
      expect(jsonOf<DumpRecord>(run).sizes.rows).toBe(100 + 20 * ++rewritten)
    },
  )
})

describe('a restore half way', () => {
  const args = (): readonly string[] => [
    'restore-dump',
    whole.id,
    '--database',
    'shop',
    '--replace',
    '--jobs',
    '2',
  ]

  test('whose connection is cut leaves everything as it was', async () => {
    const before = await databases()
    const run = await halfWay(args(), 'client', held => {
      held.cut()
    })
    expect(run.status, describeRun(run)).not.toBe(0)
    expect(run.err).toMatch(/RESTORE_FAILED.*(closed the connection|connection)/s)
    expect(await databases()).toEqual(before)
  })

  test('whose first repository loses an object goes on with the second', async () => {
    const [object] = whole.databases[0]?.objects ?? []
    const path = join(lab.repositoryDirectory, 'lab/dumps', whole.id, object?.name ?? '')
    flipByte(path, Math.floor((object?.sizeBytes ?? 0) / 2))
    const { result } = await lab.json<{ result: { passedOver: unknown; rows: number } }>([
      '--config',
      config,
      ...args(),
    ])
    flipByte(path, Math.floor((object?.sizeBytes ?? 0) / 2))
    expect(result).toMatchObject({
      rows: whole.sizes.rows,
      passedOver: [{ repository: 'main', instead: 'second' }],
    })
  })

  test('that is told to end at any moment has either replaced the database or left it', async () => {
    const random = seededRandom('moments to end a restore')
    const { durationMs } = await lab.ok(['--config', config, ...args()])
    for (let i = 0; i < 4; i++) {
      const before = await databases()
      const running = lab.start(['--config', config, ...args()])
      await delay(random.next() * durationMs)
      running.kill('SIGINT')
      const run = await running.ended
      expect([0, 130], describeRun(run)).toContain(run.status)
      expect(await databases(), describeRun(run)).toEqual(before)
    }
    const shop = await lab.server.connect('shop')
    expect((await shop.query('SELECT count(*)::int AS n FROM large')).rows).toEqual([{ n: 3000 }])
    await shop.end()
  })
})

/** The program that writes the data: of several, the one that was started last. */
function pgDumpOf(pid: number): number {
  const found = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(name => /\((pg_dump|stdbuf)\)/.test(statOf(name)) && ancestorsOf(name).includes(String(pid)))
    .map(Number)
  return Math.max(...found)
}

function ancestorsOf(pid: string): readonly string[] {
  const parent = /^.*\) \S (\d+)/s.exec(statOf(pid))?.[1]
  return parent === undefined || parent === '0' ? [] : [parent, ...ancestorsOf(parent)]
}

function statOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return '' // It has ended meanwhile.
  }
}
