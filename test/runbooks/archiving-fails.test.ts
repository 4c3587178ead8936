/**
 * The runbook for failing archiving, carried out to the letter: each cause of its table is made on a real server, found by the
 * page's own commands under the words that the table has for it, and mended.
 */
import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, readFileSync, renameSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { WalStatusHere } from '../../src/operations/wal-status.ts'
import { followPage, type Followed } from '../support/follow-page.ts'
import { launcher } from '../support/holdfast.ts'
import { makeOwned, startServer } from '../support/postgres-server.ts'
import { openLab, readText, type Lab } from '../support/repository-lab.ts'
import { restoreAndStart } from '../support/restored-server.ts'
import { until } from '../support/until.ts'

const page = 'docs/runbooks/archiving-fails.md'
const table = readFileSync(fileURLToPath(new URL(`../../${page}`, import.meta.url)), 'utf8')
const build = 'debian'

describe('archiving fails', () => {
  let lab: Lab
  let program: string
  let rows = 0

  beforeAll(async () => {
    lab = await openLab({ major: 15, build, walSegmentSizeMb: 1 })
    program = join(lab.server.root, 'holdfast')
    symlinkSync(launcher(), program)
    lab.server.configure({ archive_command: `${program} --config ${lab.configPath} wal push %p` })
    await lab.server.query('SELECT pg_reload_conf()')
    await lab.server.query('CREATE TABLE t (id int)')
    await lab.backup()
  })

  afterAll(() => lab[Symbol.asyncDispose]())

  beforeEach(async () => {
    await lab.archiveAll()
  })

  const follow = (section: string, settings: Readonly<Record<string, string>> = {}): Promise<Followed> =>
    followPage(lab, page, settings, { section })

  const failures = async (): Promise<number> =>
    Number(await lab.server.value('SELECT failed_count FROM pg_stat_archiver'))

  /** Ends a segment, and waits until it could not be archived. After three times, PostgreSQL pauses. */
  async function fail(times = 1): Promise<void> {
    const wanted = (await failures()) + times
    const logged = lab.server.log().length
    await lab.server.query(`INSERT INTO t VALUES (${String(++rows)})`)
    await lab.server.query('SELECT pg_switch_wal()')
    // A command that can not be run ends the archiver itself, which then counts no failure.
    await until(
      'archiving has failed',
      async () => (await failures()) >= wanted || /exit code 12[67]/.test(lab.server.log().slice(logged)),
    )
  }

  /** Steps 1 and 2 find it, under words that the page's table explains. */
  async function expectFound(words: string): Promise<void> {
    expect(table).toContain(`\`${words}\``)
    const waiting = await follow('1.', { WAL: join(lab.server.dataDirectory, 'pg_wal') })
    expect(waiting.status, waiting.output).toBe(0)
    expect(waiting.output).toMatch(/^[1-9]\d*$/m)
    const why = await follow('2.', { LOG: join(lab.server.root, 'log') })
    expect(why.status, why.output).toBe(0)
    expect(why.output).toMatch(patternOf(words))
  }

  async function expectMended(): Promise<void> {
    await lab.server.query(`INSERT INTO t VALUES (${String(++rows)})`)
    const { status, output } = await follow('3.')
    expect(status, output).toBe(0)
    expect((await lab.json<WalStatusHere>(['wal', 'status'])).gaps).toEqual([])
  }

  const away = (path: string): string => `${path}-away`
  const asRoot = (command: string): unknown => execFileSync('/bin/sh', ['-c', command])
  /** As in the table, for what is the page's /srv/backups here. */
  const patternOf = (words: string): RegExp =>
    new RegExp(
      words
        .replace('/srv/backups', lab.repositoryDirectory)
        .replace('/etc/holdfast/holdfast.yaml', lab.configPath)
        .split('…')
        .map(part => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
        .join('.*'),
    )

  interface Cause {
    readonly words: string
    make(): void
    mend(): void
    alsoFound?(): Promise<unknown>
  }

  const causes: Readonly<Record<string, Cause>> = {
    'the disk of the repository is not mounted': {
      words: 'there is no folder /srv/backups',
      make: () => {
        renameSync(lab.repositoryDirectory, away(lab.repositoryDirectory))
      },
      mend: () => {
        renameSync(away(lab.repositoryDirectory), lab.repositoryDirectory)
      },
    },
    'the empty mount point is found': {
      words: '… holds no Holdfast repository',
      make: () => {
        renameSync(lab.repositoryDirectory, away(lab.repositoryDirectory))
        makeOwned(lab.repositoryDirectory)
      },
      mend: () => {
        rmdirSync(lab.repositoryDirectory)
        renameSync(away(lab.repositoryDirectory), lab.repositoryDirectory)
      },
    },
    'root has written into the repository': {
      words: 'the system refuses access (EACCES)',
      make: () => asRoot(`chown -R root: ${lab.repositoryDirectory}`),
      mend: () => asRoot(`chown -R postgres: ${lab.repositoryDirectory}`),
    },
    'the configuration is gone': {
      words: 'no configuration file',
      make: () => {
        renameSync(lab.configPath, away(lab.configPath))
      },
      mend: () => {
        renameSync(away(lab.configPath), lab.configPath)
      },
    },
    'the configuration has a mistake': {
      words: 'the configuration has … mistakes',
      make: () => {
        renameSync(lab.configPath, away(lab.configPath))
        const text = readText(away(lab.configPath))
        lab.write(lab.configPath, `${text.replace('postgres:', 'postgresql:')}\n`)
      },
      mend: () => {
        renameSync(away(lab.configPath), lab.configPath)
      },
    },
    'the configuration belongs to somebody else': {
      words: '/etc/holdfast/holdfast.yaml can not be read',
      make: () => {
        chownSync(lab.configPath, 0, 0)
      },
      mend: () => asRoot(`chown postgres: ${lab.configPath}`),
    },
    'the program is gone': {
      words: 'holdfast: not found',
      make: () => {
        unlinkSync(program)
      },
      mend: () => {
        symlinkSync(launcher(), program)
      },
      alsoFound: () =>
        until('the doctor tells it, though PostgreSQL counts no failure', async () =>
          (await lab.run(['doctor'])).out.includes('archiving fails'),
        ),
    },
  }

  test.each(Object.keys(causes))('since %s: it is found, mended, and nothing was lost', async name => {
    const cause = causes[name]
    if (!cause) throw new Error('a cause')
    cause.make()
    try {
      await fail()
      await expectFound(cause.words)
      await cause.alsoFound?.()
    } finally {
      cause.mend()
    }
    await expectMended()
  })

  test('since it is another cluster: under a name of its own it has a history of its own', async () => {
    await using other = await startServer({ major: 15, build, walSegmentSizeMb: 1, archiveCommand: '' })
    const config = lab.writeConfig('other.yaml', { postgres: { connection: other.connectionString } })
    other.configure({ archive_command: `${launcher()} --config ${config} wal push %p` })
    await other.query('SELECT pg_reload_conf(), pg_switch_wal()')
    const words = '… is of the cluster with system identifier …; the repository is for …'
    expect(table).toContain(`\`${words}\``)
    await until('it was refused', () => patternOf(words).test(other.log()))
    lab.writeConfig('other.yaml', { cluster: 'other', postgres: { connection: other.connectionString } })
    await lab.ok(['--config', config, 'init'])
    await other.query('SELECT pg_reload_conf()')
    await until(
      'it archives',
      async () => (await other.value('SELECT last_archived_wal FROM pg_stat_archiver')) !== 'null',
    )
    await lab.ok(['--config', config, 'backup'])
  })

  test('WAL is let go: there is a gap, that is said, and a backup closes it', async () => {
    renameSync(lab.repositoryDirectory, away(lab.repositoryDirectory))
    await fail(3)
    renameSync(away(lab.repositoryDirectory), lab.repositoryDirectory)
    const { status, output } = await follow('6.', { WAL: join(lab.server.dataDirectory, 'pg_wal') })
    expect(status, output).toBe(0)
    expect(output).toMatch(/What is missing\n {2}(\d+ )?segment/)
    expect((await lab.run(['wal', 'status'])).status).toBe(62)
    await using restored = await restoreAndStart(lab, [], { build })
    expect(await restored.server.value('SELECT count(*) FROM t')).toBe(
      await lab.server.value('SELECT count(*) FROM t'),
    )
  })

  test('since another server archives into the same place: the right one goes on elsewhere', async () => {
    await lab.server.query(`INSERT INTO t VALUES (${String(++rows)})`)
    const folder = join(lab.server.root, 'twin')
    mkdirSync(folder)
    const segment = await lab.server.value('SELECT pg_walfile_name(pg_current_wal_lsn())')
    const bytes = readFileSync(join(lab.server.dataDirectory, 'pg_wal', segment))
    bytes[bytes.length - 100] = 1
    lab.write(join(folder, segment), bytes)
    await lab.ok(['wal', 'push', join(folder, segment)])
    await fail()
    await expectFound('… holds other bytes than the … to be stored')

    const other = join(lab.server.root, 'other')
    makeOwned(other)
    const { status, output } = await follow('4.', {
      CONFIG: lab.configPath,
      OLD: `file://${lab.repositoryDirectory}`,
      NEW: `file://${other}`,
    })
    expect(status, output).toBe(0)
    await expectMended()
    expect(await lab.json<unknown[]>(['list'])).toHaveLength(1)
  })
})
