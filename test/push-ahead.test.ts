/** PostgreSQL's own archiver, with a process that pushes ahead of it: nothing is lost, whoever is killed, whatever comes. */
import { existsSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { launcher } from './support/holdfast.ts'
import { startStandby } from './support/postgres-standby.ts'
import { seededRandom } from './support/random.ts'
import { contentOf, keysOf } from './support/repository-files.ts'
import { openLab, type Lab, type LabOptions } from './support/repository-lab.ts'
import { until } from './support/until.ts'

const random = seededRandom('pushing ahead')
const settings = { wal_keep_size: '1GB', max_wal_size: '2GB' }
let lab: Lab | undefined

afterEach(async () => {
  await lab?.[Symbol.asyncDispose]()
  lab = undefined
})

async function open(options: Partial<LabOptions> = {}): Promise<Lab> {
  lab = await openLab({ major: 15, build: 'debian', walSegmentSizeMb: 1, settings, ...options })
  return lab
}

describe('PostgreSQL archives', () => {
  test.each([
    [15, 'debian'],
    [18, 'embedded'],
  ] as const)('%i: what waited after an outage is pushed ahead, whole', async (major, build) => {
    const at = await open({ major, build })
    await archiveBy(at, '/bin/false')
    const names = await makeSegments(at, 12)
    await archiveBy(at, archiveCommand(at))
    await until('somebody pushes ahead', () => existsSync(spoolsOf(at)), { everyMs: 1 })
    await untilArchived(at)
    expectWholeArchive(at, names)
    await untilNobodyPushes(at)
    expect(existsSync(spoolsOf(at)), 'nothing is left of it').toBe(false)
  })

  test('while the pushing process is killed again and again, and the server, too', async () => {
    const at = await open()
    await archiveBy(at, '/bin/false')
    const names = [...(await makeSegments(at, 30))]
    await archiveBy(at, archiveCommand(at))
    const hunt = { isOver: false, kills: 0 }
    const hunting = (async () => {
      while (!hunt.isOver) {
        for (const pid of pushersOf(at)) {
          process.kill(pid, 'SIGKILL')
          hunt.kills++
          // What PostgreSQL was told is safe at this moment is in the repository, or it will never be.
          expectAcknowledged(at)
        }
        await delay(random.integer(20, 250))
      }
    })()
    try {
      await until('some were archived', () => doneIn(at).length > 5)
      await at.server.kill9()
      await at.server.start()
      names.push(...(await makeSegments(at, 5)))
      await untilArchived(at)
    } finally {
      hunt.isOver = true
      await hunting
    }
    expect(hunt.kills).toBeGreaterThan(0)
    expectWholeArchive(at, names)
  })

  test('through a stop of the server with files waiting', async () => {
    const at = await open()
    await archiveBy(at, '/bin/false')
    const names = [...(await makeSegments(at, 6))]
    await archiveBy(at, archiveCommand(at))
    await at.server.restart('fast')
    names.push(...(await makeSegments(at, 2)))
    await untilArchived(at)
    expectWholeArchive(at, names)
  })

  test('a promotion: histories, the partial segment of the old timeline, and what comes after', async () => {
    const at = await open()
    await at.server.query('CREATE TABLE t (n int)')
    await at.archiveAll()
    await using standby = await startStandby(at.server, {
      build: 'debian',
      settings: { archive_mode: 'on', archive_command: '/bin/false', ...settings },
    })
    await at.server.query('INSERT INTO t SELECT generate_series(1, 1000)')
    await at.server.stop('fast')
    await standby.query('SELECT pg_promote()')
    await until('it is promoted', async () => (await standby.value('SELECT pg_is_in_recovery()')) === 'false')
    for (let i = 0; i < 4; i++) await standby.query('INSERT INTO t VALUES (1); SELECT pg_switch_wal()')
    standby.configure({ archive_command: archiveCommand(at) })
    await standby.query('SELECT pg_reload_conf()')
    const folder = join(standby.dataDirectory, 'pg_wal')
    await until('all is archived', () => readyIn(folder).length === 0)
    const keys = keysOf(at.repositoryDirectory).join(' ')
    expect(keys).toMatch(/00000002\.history/)
    expect(keys).toMatch(/00000001[0-9A-F]{16}\.partial/)
    expect(keys.match(/00000002[0-9A-F]{16}\.zst/g)?.length).toBeGreaterThanOrEqual(4)
  })
})

describe('a file that can not be stored', () => {
  test("is told by PostgreSQL's own call, and those after it wait for it", async () => {
    const at = await open()
    await archiveBy(at, '/bin/false')
    const names = await makeSegments(at, 6)
    const [bad = ''] = names
    const path = join(at.server.dataDirectory, 'pg_wal', bad)
    const good = readFileSync(path)
    writeFileSync(path, Buffer.from(good).fill(7, 24, 32))
    const before = at.server.log().length
    await archiveBy(at, archiveCommand(at))
    await until('the fault is in the log', () =>
      /comes from the system|system identifier/.test(at.server.log().slice(before)),
    )
    expect(doneIn(at)).not.toContain(bad)
    expect(doneIn(at).filter(name => names.includes(name))).toEqual([])
    writeFileSync(path, good)
    await untilArchived(at)
    expectWholeArchive(at, names)
  })
})

const archiveCommand = ({ configPath }: Lab): string => `${launcher()} --config ${configPath} wal push %p`
const spoolsOf = ({ server }: Lab): string => join(server.dataDirectory, 'pg_wal/holdfast-pushed')

async function archiveBy({ server }: Lab, command: string): Promise<void> {
  server.configure({ archive_command: command })
  await server.query('SELECT pg_reload_conf()')
}

/** Ends so many segments; returns their names. */
async function makeSegments({ server }: Lab, count: number): Promise<readonly string[]> {
  const names: string[] = []
  await server.query('CREATE TABLE IF NOT EXISTS filled (n int, filler text)')
  for (let i = 0; i < count; i++) {
    await server.query('INSERT INTO filled SELECT n, md5(n::text) FROM generate_series(1, 2000) n')
    names.push(await server.value('SELECT pg_walfile_name(pg_switch_wal())'))
  }
  return names
}

function statusFiles(walFolder: string, suffix: string): readonly string[] {
  return readdirSync(join(walFolder, 'archive_status'))
    .filter(name => name.endsWith(suffix))
    .map(name => name.slice(0, -suffix.length))
}

const walFolderOf = ({ server }: Lab): string => join(server.dataDirectory, 'pg_wal')
const readyIn = (walFolder: string): readonly string[] => statusFiles(walFolder, '.ready')
const doneIn = (at: Lab): readonly string[] => statusFiles(walFolderOf(at), '.done')

async function untilArchived(at: Lab): Promise<void> {
  await until('all is archived', () => readyIn(walFolderOf(at)).length === 0)
}

function expectWholeArchive(at: Lab, names: readonly string[]): void {
  const keys = keysOf(at.repositoryDirectory)
  for (const name of names) {
    const found = keys.filter(key => key.includes(name) && !key.includes('.backup'))
    expect(found, name).toHaveLength(1)
    expect(contentOf(at, found[0] ?? '').equals(readFileSync(join(walFolderOf(at), name))), name).toBe(true)
  }
}

function expectAcknowledged(at: Lab): void {
  const done = doneIn(at)
  const keys = keysOf(at.repositoryDirectory).join(' ')
  for (const name of done) expect(keys, name).toContain(name)
}

/** The helper processes that work for this server; found in /proc by what they were started with. */
function pushersOf({ server }: Lab): readonly number[] {
  return readdirSync('/proc').flatMap(entry => {
    const pid = Number(entry)
    if (!Number.isInteger(pid)) return []
    try {
      const words = `${readFileSync(`/proc/${entry}/cmdline`, 'utf8')} ${readlinkSync(`/proc/${entry}/cwd`)}`
      return words.includes('push-ahead') && words.includes(server.dataDirectory) ? [pid] : []
    } catch {
      return [] // It has ended meanwhile.
    }
  })
}

async function untilNobodyPushes(at: Lab): Promise<void> {
  await until('the pushing process has ended', () => pushersOf(at).length === 0)
}
