/** The runbook for full disks, carried out to the letter. */
import { chownSync, cpSync, lchownSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WalStatusHere } from '../../src/operations/wal-status.ts'
import { followPage } from '../support/follow-page.ts'
import { serverUser } from '../support/postgres-binaries.ts'
import { makeOwned } from '../support/postgres-server.ts'
import { openLab, type Lab } from '../support/repository-lab.ts'
import { serverByHand } from '../support/server-by-hand.ts'
import { smallDisk, whyNoSmallDisk, type SmallDisk } from '../support/small-disk.ts'
import { until } from '../support/until.ts'

const page = 'docs/runbooks/full-disk.md'
const reason = whyNoSmallDisk()
if (reason !== undefined) console.warn(`left out: full disks: ${reason}`)

describe.skipIf(reason !== undefined)('a full disk', () => {
  let small: SmallDisk
  let lab: Lab
  let other: string

  beforeAll(async () => {
    small = smallDisk(10)
    lab = await openLab({
      major: 15,
      build: 'debian',
      walSegmentSizeMb: 1,
      settings: { max_wal_size: '8MB', min_wal_size: '2MB' },
      repositoryDirectory: join(small.directory, 'repository'),
    })
    other = join(lab.server.root, 'other')
    makeOwned(other)
    await lab.server.query('CREATE TABLE t (id int PRIMARY KEY, filler bytea)')
  })

  afterAll(async () => {
    await lab[Symbol.asyncDispose]()
    small[Symbol.dispose]()
  })

  /** A quarter of a megabyte that does not compress. */
  const insert = (): Promise<unknown> =>
    lab.server.query(
      `INSERT INTO t SELECT coalesce(max(id), 0) + 1,
         (SELECT string_agg(sha512((n + coalesce(max(id), 0) * 10000)::text::bytea), '') FROM generate_series(1, 4000) n) FROM t`,
    )

  test('of the repository: archiving and backups go to another place', async () => {
    await lab.backup()
    for (let rows = 0; rows < 60; rows++) await insert()
    await until(
      'the repository is full',
      async () => Number(await lab.server.value('SELECT failed_count FROM pg_stat_archiver')) > 0,
    )
    const settings = {
      CONFIG: lab.configPath,
      OLD: `file://${lab.repositoryDirectory}`,
      NEW: `file://${other}`,
    }
    const { status, output } = await followPage(lab, page, settings, { section: 'A.' })
    expect(status, output).toBe(0)
    await lab.archiveAll()
    expect((await lab.json<WalStatusHere>(['wal', 'status'])).gaps).toEqual([])
    await lab.ok(['verify'])
  })

  test('of pg_wal: the server comes up again with all that was committed', async () => {
    using byHand = serverByHand(lab.server)
    using disk = smallDisk(48)
    const ballast = join(disk.directory, 'ballast')
    await lab.server.stop('fast')
    moveWal(join(lab.server.dataDirectory, 'pg_wal'), join(disk.directory, 'pg_wal'))
    writeFileSync(ballast, Buffer.alloc(16 << 20))
    await lab.server.start()
    renameSync(other, `${other}-away`)
    const committed = await fillDisk()
    await lab.server.stop('immediate')
    renameSync(`${other}-away`, other)

    const settings = { BALLAST: ballast, START: byHand.start }
    const { status, output } = await followPage(lab, page, settings, { section: 'B.' })
    expect(status, output).toBe(0)
    expect(Number(await lab.server.value('SELECT count(*) FROM t')), output).toBeGreaterThanOrEqual(committed)
    expect((await lab.json<WalStatusHere>(['wal', 'status'])).gaps).toEqual([])
    byHand[Symbol.dispose]()
    renameSync(join(lab.server.dataDirectory, 'pg_wal'), join(lab.server.root, 'link'))
  })

  /** Writes until the server is down; how many rows were committed. */
  async function fillDisk(): Promise<number> {
    let committed = Number(await lab.server.value('SELECT count(*) FROM t'))
    try {
      for (let rows = 0; rows < 400; rows++, committed++) await insert()
    } catch {
      // It is down, or on its way.
    }
    await until('the server is down', () =>
      lab.server.value('SELECT 1').then(
        () => false,
        () => true,
      ),
    )
    return committed
  }
})

function moveWal(from: string, to: string): void {
  const { uid, gid } = serverUser()
  cpSync(from, to, { recursive: true, preserveTimestamps: true })
  for (const name of ['', ...readdirSync(to, { recursive: true, encoding: 'utf8' })])
    chownSync(join(to, name), uid, gid)
  renameSync(from, `${from}-was`)
  symlinkSync(to, from)
  lchownSync(from, uid, gid)
}
