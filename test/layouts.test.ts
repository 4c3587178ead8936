/** Data directories as people have them: tablespaces, pg_wal on another disk, other segment sizes, no checksums. */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { describeRun } from './support/holdfast.ts'
import { makeOwned, makeRoot, type TestServer } from './support/postgres-server.ts'
import { openLab } from './support/repository-lab.ts'
import { restore, restoreAndStart, tryRestore, untilRecovered } from './support/restored-server.ts'

const build = 'debian'

describe('tablespaces', () => {
  test('come back where they are told to, and the originals are left alone', async () => {
    await using lab = await openLab({ major: 15, build })
    const places = [join(lab.server.root, 'fast'), join(lab.server.root, 'büro and spaces')]
    for (const [index, place] of places.entries()) {
      makeOwned(place)
      await lab.server.query(`CREATE TABLESPACE s${String(index)} LOCATION '${place}'`)
      await lab.server.query(
        `CREATE TABLE t${String(index)} TABLESPACE s${String(index)} AS SELECT generate_series(1, 5000) AS n`,
      )
    }
    const backup = await lab.backup()
    expect(backup.tablespaces.map(({ location }) => location).toSorted()).toEqual(places.toSorted())
    await lab.server.query('INSERT INTO t1 VALUES (0)')
    await lab.archiveAll()
    const before = await sumsOf(lab.server)

    await using refused = await tryRestore(lab, [], { build })
    expect(refused.run.status, `to where the original still is: ${describeRun(refused.run)}`).not.toBe(0)

    const root = makeRoot()
    const moved = places.map((_, index) => join(root, `new ${String(index)}`))
    const mapping = places.flatMap((place, index) => ['--tablespace', `${place}=${moved[index] ?? ''}`])
    await using restored = await restoreAndStart(lab, mapping, { build })
    expect(await sumsOf(restored.server)).toEqual(before)
    const links = readdirSync(join(restored.server.dataDirectory, 'pg_tblspc'))
    const targets = links.map(link => readlinkSync(join(restored.server.dataDirectory, 'pg_tblspc', link)))
    expect(targets.toSorted()).toEqual(moved.toSorted())
    expect(await sumsOf(lab.server)).toEqual(before)
    execFileSync('rm', ['-rf', root])
  })
})

async function sumsOf(server: TestServer): Promise<readonly string[]> {
  return Promise.all(
    ['t0', 't1'].map(table => server.value(`SELECT count(*) || ' ' || sum(n) FROM ${table}`)),
  )
}

test('pg_wal on another disk is no matter, and what lies in it is not copied', async () => {
  const outside = makeRoot()
  await using lab = await openLab({ major: 15, build, initdbArgs: ['-X', join(outside, 'wal')] })
  expect(lstatSync(join(lab.server.dataDirectory, 'pg_wal')).isSymbolicLink()).toBe(true)
  await lab.server.query('CREATE TABLE t AS SELECT generate_series(1, 100) AS n')
  await lab.backup()
  await lab.archiveAll()
  await using restored = await restore(lab, [], { build })
  const folder = join(restored.server.dataDirectory, 'pg_wal')
  expect(lstatSync(folder).isDirectory()).toBe(true)
  expect(readdirSync(folder).filter(name => /^[0-9A-F]{24}$/.test(name))).toEqual([])
  await restored.server.start()
  await untilRecovered(restored.server)
  expect(await restored.server.value('SELECT count(*) FROM t')).toBe('100')
  execFileSync('rm', ['-rf', outside])
})

test.each([
  [14, 1],
  [15, 64],
  [18, 4],
] as const)(
  'PostgreSQL %i with WAL segments of %i MiB makes the round trip',
  async (major, walSegmentSizeMb) => {
    await using lab = await openLab({ major, walSegmentSizeMb })
    await lab.server.query('CREATE TABLE t AS SELECT generate_series(1, 100) AS n')
    const backup = await lab.backup()
    expect(backup.postgres.walSegmentSizeBytes).toBe(walSegmentSizeMb * 1024 * 1024)
    await lab.server.query('INSERT INTO t SELECT generate_series(101, 50000)')
    await lab.archiveAll()
    await using restored = await restoreAndStart(lab, [])
    expect(await restored.server.value('SELECT count(*) FROM t')).toBe('50000')
    await lab.ok(['verify'])
  },
)

test('without page checksums everything works, and the backup does not claim to have checked pages', async () => {
  await using lab = await openLab({ major: 15, build, checksums: false })
  await lab.server.query('CREATE TABLE t AS SELECT generate_series(1, 5000) AS n')
  const backup = await lab.backup()
  expect(backup.postgres.dataChecksums).toBe(false)
  expect(backup.checks.pagesChecked).toBe(0)
  await lab.ok(['verify'])
  await using restored = await restoreAndStart(lab, [], { build })
  expect(await restored.server.value('SELECT sum(n) FROM t')).toBe('12502500')
})

test('unlogged tables come back empty, as after a crash, and can be written', async () => {
  await using lab = await openLab({ major: 15, build })
  await lab.server.query('CREATE UNLOGGED TABLE fleeting AS SELECT generate_series(1, 100000) AS n')
  await lab.server.query('CREATE UNLOGGED SEQUENCE counter; CREATE INDEX ON fleeting (n); CHECKPOINT')
  await lab.backup()
  await lab.archiveAll()
  await using restored = await restoreAndStart(lab, [], { build })
  expect(await restored.server.value('SELECT count(*) FROM fleeting')).toBe('0')
  await restored.server.query('INSERT INTO fleeting VALUES (1)')
  expect(await restored.server.value('SELECT n FROM fleeting WHERE n = 1')).toBe('1')
})

test('names that nobody expects come back, and what is no file is passed over with a warning', async () => {
  await using lab = await openLab({ major: 15, build })
  const folder = join(lab.server.dataDirectory, 'odd "folder" ü')
  makeOwned(folder)
  const odd = [
    join(folder, "it's \\ here"),
    join(lab.server.dataDirectory, 'base/5/two\nlines'),
    join(folder, 'x'.repeat(200)),
  ]
  for (const path of odd) lab.write(path, path)
  makeOwned(join(folder, 'empty'))
  execFileSync('mkfifo', [join(lab.server.dataDirectory, 'pipe')])
  symlinkSync('/etc/passwd', join(lab.server.dataDirectory, 'link'))
  const backup = await lab.backup()
  expect(backup.warnings.join('\n')).toMatch(/pipe/)
  expect(backup.warnings.join('\n')).toMatch(/link to \/etc\/passwd/)
  await lab.ok(['verify'])
  await using restored = await restore(lab, ['--to-immediate'], { build })
  const there = (path: string): string =>
    path.replace(lab.server.dataDirectory, restored.server.dataDirectory)
  for (const path of odd) expect(readFileSync(there(path), 'utf8')).toBe(path)
  expect(readdirSync(there(join(folder, 'empty')))).toEqual([])
  expect(existsSync(there(join(lab.server.dataDirectory, 'pipe')))).toBe(false)
})

/** The first file of a relation holds 1 GiB; the second counts its blocks from 131,072 on, and its checksums with them. */
test('a relation over 1 GiB comes back whole, pages of its second file checked by their number in the relation', async () => {
  await using lab = await openLab({ major: 15, build })
  await lab.server.query(
    'CREATE TABLE big (n int, text text); ALTER TABLE big SET (autovacuum_enabled = off)',
  )
  await lab.server.query(
    "INSERT INTO big SELECT n, repeat('x', 1000) FROM generate_series(1, 14) n; CHECKPOINT",
  )
  const path = join(lab.server.dataDirectory, await lab.server.value("SELECT pg_relation_filepath('big')"))
  await lab.server.stop()
  // Empty pages, which take no space on the disk: PostgreSQL fills the last one, and then begins the second file.
  truncateSync(path, 1024 ** 3)
  await lab.server.start()
  await lab.server.query(
    "INSERT INTO big SELECT n, repeat('y', 1000) FROM generate_series(15, 200) n; CHECKPOINT",
  )
  expect(existsSync(`${path}.1`)).toBe(true)
  const rowsBeyond = "SELECT count(*) FROM big WHERE ctid >= '(131072,1)' AND text = repeat('y', 1000)"
  const beyond = await lab.server.value(rowsBeyond)
  expect(Number(beyond)).toBeGreaterThan(100)

  const backup = await lab.backup()
  expect(backup.checks).toMatchObject({ pagesCorrupt: 0 })
  await lab.archiveAll()
  await using restored = await restoreAndStart(lab, [], { build })
  expect(await restored.server.value(rowsBeyond)).toBe(beyond)
})
