/** `wal push` and `wal get` killed at any moment: PostgreSQL runs them again, and never gets half a segment. */
import { setTimeout as delay } from 'node:timers/promises'
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeOwned } from './support/postgres-server.ts'
import { seededRandom } from './support/random.ts'
import { contentOf, expectKept, keysOf, objectsOf, stagedFiles } from './support/repository-files.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { restore, untilRecovered } from './support/restored-server.ts'

const random = seededRandom('crash of wal push and wal get')
const kills = Array.from({ length: 15 }, (_, index) => index + 1)

let lab: Lab
/** Ended segments that were not archived; one for each kill, and one to measure by. */
let segments: readonly string[]
let pushMs: number

beforeAll(async () => {
  lab = await openLab({ major: 15, build: 'debian', walSegmentSizeMb: 4, settings: { wal_keep_size: '1GB' } })
  lab.server.configure({ archive_command: '' })
  await lab.server.query('SELECT pg_reload_conf()')
  for (const _ of [0, ...kills]) {
    await lab.server.query(
      'CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS n; INSERT INTO t SELECT generate_series(1, 2000)',
    )
    await lab.server.query('SELECT pg_switch_wal()')
  }
  const current = await lab.server.value('SELECT pg_walfile_name(pg_current_wal_insert_lsn())')
  segments = readdirSync(walFolder())
    .filter(name => /^[0-9A-F]{24}$/.test(name) && name < current)
    .toSorted()
  pushMs = (await lab.ok(['wal', 'push', `pg_wal/${segments[0] ?? ''}`], atServer())).durationMs
})

afterAll(() => lab[Symbol.asyncDispose]())

describe('wal push', () => {
  test.each(kills)(
    'killed at any moment stores a whole segment or none, and works when run again: kill %i',
    async kill => {
      const segment = segments[kill] ?? ''
      const before = objectsOf(lab.repositoryDirectory)
      await kill9After(random.next() * pushMs * 1.2, ['wal', 'push', `pg_wal/${segment}`])
      expectKept(before, objectsOf(lab.repositoryDirectory))
      expectStored(segment, 'whole or absent')

      await lab.ok(['wal', 'push', `pg_wal/${segment}`], atServer())
      expectStored(segment, 'whole')
    },
  )

  test('leaves nothing of the dead in the staging area, once another push has run', () => {
    expect(stagedFiles(lab.repositoryDirectory)).toEqual([])
  })
})

describe('wal get', () => {
  test.each(kills)(
    'killed at any moment gives a whole segment or none, and works when run again: kill %i',
    async kill => {
      const segment = segments[kill] ?? ''
      // pg_wal as a server that recovers has it: the file goes to a name of its own first.
      const folder = join(lab.server.root, `get-${String(kill)}`, 'pg_wal')
      mkdirSync(folder, { recursive: true })
      makeOwned(join(folder, '..'))
      makeOwned(folder)
      const get = ['wal', 'get', segment, 'pg_wal/RECOVERYXLOG']
      const at = { cwd: join(folder, '..') }
      const destination = join(folder, 'RECOVERYXLOG')
      await kill9After(random.next() * pushMs * 1.2, get, at)
      if (existsSync(destination)) expect(readFileSync(destination).equals(original(segment))).toBe(true)

      await lab.ok(get, at)
      expect(readFileSync(destination).equals(original(segment))).toBe(true)
    },
  )
})

describe('the helper that fetches ahead', () => {
  test('may be killed again and again while a server recovers: it gets every segment, and none twice', async () => {
    await using other = await openLab({ major: 15, build: 'debian', walSegmentSizeMb: 1 })
    await other.server.query('CREATE TABLE t (n int, text text)')
    await other.backup()
    await other.server.query("INSERT INTO t SELECT n, repeat('x', 300) FROM generate_series(1, 30000) n")
    await other.archiveAll()
    await using restored = await restore(other, [], { build: 'debian' })
    const hunt = { isOver: false, kills: 0 }
    const hunting = (async () => {
      while (!hunt.isOver) {
        for (const pid of helpersAt(restored.server.dataDirectory)) {
          process.kill(pid, 'SIGKILL')
          hunt.kills++
        }
        await delay(random.integer(5, 60))
      }
    })()
    try {
      await restored.server.start()
      expect(await untilRecovered(restored.server)).toBe('promoted')
    } finally {
      hunt.isOver = true
      await hunting
    }
    expect(hunt.kills).toBeGreaterThan(0)
    expect(await restored.server.value('SELECT count(*) FROM t')).toBe('30000')
  })
})

/** The helper processes that work for this server; found in /proc by what they were started with. */
function helpersAt(dataDirectory: string): readonly number[] {
  return readdirSync('/proc').flatMap(entry => {
    const pid = Number(entry)
    if (!Number.isInteger(pid)) return []
    const words = readProcess(pid)
    return words.includes('fetch-ahead') && words.includes(dataDirectory) ? [pid] : []
  })
}

function readProcess(pid: number): string {
  try {
    return `${readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8')} ${readlinkSync(`/proc/${String(pid)}/cwd`)}`
  } catch {
    return '' // It has ended meanwhile.
  }
}

const walFolder = (): string => join(lab.server.dataDirectory, 'pg_wal')
const atServer = (): { cwd: string } => ({ cwd: lab.server.dataDirectory })
const original = (segment: string): Buffer => readFileSync(join(walFolder(), segment))

async function kill9After(afterMs: number, args: readonly string[], options = atServer()): Promise<void> {
  const running = lab.start(args, options)
  await Promise.race([delay(afterMs), running.ended])
  running.kill('SIGKILL')
  await running.ended
}

function expectStored(segment: string, wanted: 'whole' | 'whole or absent'): void {
  const keys = keysOf(lab.repositoryDirectory).filter(key => key.includes(segment))
  expect(keys.length).toBeLessThanOrEqual(1)
  if (wanted === 'whole') expect(keys).toHaveLength(1)
  for (const key of keys) expect(contentOf(lab, key).equals(original(segment)), key).toBe(true)
}
