/**
 * Two repositories with the same backups, each sealed to a key of its own: what one does not have whole, or can not give,
 * comes from the other, and is told.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import type { Trouble } from '../src/operations/sources/trouble.ts'
import { flipByte, inflict } from './support/damage.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { keysOf } from './support/repository-files.ts'
import { restore, restoreAndStart, tryRestore } from './support/restored-server.ts'
import { until } from './support/until.ts'

const build = 'debian'

let lab: Lab
let config = ''
let backup: BackupRecord
/** Names of the segments that come after the backup. */
let later: readonly string[]
const folders = { main: '', second: '' }
const kept = { main: '', second: '' }

beforeAll(async () => {
  // One worker, one pack: what lies where, and what a flipped byte hits, is the same each time.
  lab = await openLab({ major: 15, build, config: { workers: 1 }, settings: { full_page_writes: 'on' } })
  folders.main = lab.repositoryDirectory
  folders.second = join(lab.server.root, 'second')
  config = await addSecond()
  await lab.server.query('CREATE TABLE t (n int PRIMARY KEY); INSERT INTO t VALUES (1)')
  // A file of several frames that do not compress.
  await lab.server.query(
    "CREATE TABLE large AS SELECT n, string_agg(md5(random()::text), '') AS filler FROM generate_series(1, 3000) n, generate_series(1, 60) GROUP BY n",
  )
  backup = await lab.backup()
  for (const n of [2, 3, 4]) {
    await lab.server.query(`INSERT INTO t VALUES (${String(n)})`)
    await lab.archiveAll()
  }
  await lab.ok(['--config', config, 'copy'])
  later = segmentsIn(folders.main).filter(name => name > backup.stopWal)
  for (const name of ['main', 'second'] as const) {
    kept[name] = `${folders[name]}-kept`
    execFileSync('cp', ['-a', folders[name], kept[name]])
  }
})

afterAll(() => lab[Symbol.asyncDispose]())

beforeEach(() => {
  for (const name of ['main', 'second'] as const) {
    rmSync(folders[name], { recursive: true, force: true })
    execFileSync('cp', ['-a', kept[name], folders[name]])
  }
})

/** Its own key, and a `copy_of` the first. */
async function addSecond(): Promise<string> {
  const identity = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const file = join(lab.server.root, 'second-identity.txt')
  lab.write(file, identity)
  makeOwned(folders.second)
  const path = lab.writeConfig('two.yaml', {
    wal: { fetch_ahead: false },
    repositories: {
      main: lab.config.repositories['main'],
      second: {
        url: `file://${folders.second}`,
        copy_of: 'main',
        encryption: {
          recipients: [/public key: (age1\S+)/.exec(identity)?.[1]],
          identity: { file },
        },
      },
    },
  })
  await lab.ok(['--config', path, 'init', '--yes'])
  return path
}

const segmentsIn = (folder: string): readonly string[] =>
  keysOf(folder)
    .flatMap(key => /\/([0-9A-F]{24})\.zst\.age$/.exec(key)?.[1] ?? [])
    .toSorted()

function pathOf(repository: 'main' | 'second', what: string): string {
  const key = keysOf(folders[repository]).find(one => one.includes(what))
  if (key === undefined) throw new Error(`no ${what} in ${repository}`)
  return join(folders[repository], key)
}

const packOf = (repository: 'main' | 'second'): string => pathOf(repository, 'data/00001.tar')

interface Result {
  readonly plan: {
    readonly repositories: readonly string[]
    readonly notRead: readonly { repository: string }[]
  }
  readonly result: { readonly passedOver: readonly Trouble[] }
}

/** Restores with everything that the repositories hold; the server shows it. Returns what was told. */
async function expectRestored(args: readonly string[] = []): Promise<Result & { readonly err: string }> {
  await using restored = await restoreAndStart(lab, ['--config', config, ...args], { build })
  expect(await restored.server.value('SELECT count(*) FROM t')).toBe('4')
  expect(await restored.server.value('SELECT count(*) FROM large')).toBe('3000')
  return { ...jsonOf<Result>(restored.run), err: restored.run.err }
}

/** Without a server: each file has its checksum. */
async function expectWritten(args: readonly string[] = []): Promise<Result> {
  await using restored = await restore(lab, ['--config', config, ...args], { build })
  return jsonOf<Result>(restored.run)
}

describe('what is there', () => {
  test('a backup is listed once, with the repositories that hold it', async () => {
    const [record, ...others] = await lab.json<readonly (BackupRecord & { repositories: string[] })[]>([
      '--config',
      config,
      'list',
    ])
    expect(others).toEqual([])
    expect(record).toMatchObject({ id: backup.id, repositories: ['main', 'second'] })
    const { out } = await lab.ok(['--config', config, 'list'])
    expect(out).toMatch(/REPOSITORIES/)
    expect(out).toMatch(/main, second/)
    expect((await lab.ok(['--config', config, 'list', '--repository', 'second'])).out).not.toMatch(
      /REPOSITORIES/,
    )
    const shown = await lab.ok(['--config', config, 'show', backup.id])
    expect(shown.out).toMatch(/repository +main: .*\nrepository +second: /)
  })

  test('a repository out of reach is passed over, and told', async () => {
    rmSync(folders.main, { recursive: true })
    const run = await lab.ok(['--config', config, 'list'])
    expect(run.out).toMatch(/second\n/)
    expect(run.err).toMatch(
      /warning: repository main can not be read, and is passed over: there is no folder/,
    )
  })

  test('when none can be opened, each of them is told', async () => {
    rmSync(folders.main, { recursive: true })
    rmSync(folders.second, { recursive: true })
    const run = await lab.run(['--config', config, 'list'])
    expect(run.status, describeRun(run)).toBe(10)
    expect(run.err).toMatch(/none of the repositories main and second can be opened; main: .*; second: /)
  })

  test('a folder has no earlier times, and says so', async () => {
    const run = await lab.run(['--config', config, 'list', '--as-of', '2026-01-01 00:00:00+00:00'])
    expect(run.status, describeRun(run)).toBe(34)
    expect(run.err).toMatch(/can not be read as of an earlier time/)
  })
})

describe('a restore', () => {
  test('reads from the first when it has everything', async () => {
    const { plan, result } = await expectWritten()
    expect(plan).toMatchObject({ repositories: ['main', 'second'], notRead: [] })
    expect(result.passedOver).toEqual([])
  })

  test('takes what is damaged in a pack of the first from the second, and says so', async () => {
    inflict('flip in the middle', packOf('main'))
    const { result } = await expectRestored()
    expect(result.passedOver).toMatchObject([
      { repository: 'main', code: 'OBJECT_CORRUPT', instead: 'second' },
    ])
    expect(result.passedOver[0]?.object).toContain('data/00001.tar')
  })

  test.each([
    ['is missing', 'remove', 'data/00001.tar', 'OBJECT_MISSING'],
    ['is cut in half', 'cut in half', 'data/00001.tar', 'OBJECT_CORRUPT'],
    ['is missing', 'remove', 'manifest.json', 'OBJECT_MISSING'],
    ['is damaged', 'flip in the middle', 'manifest.json', 'OBJECT_CORRUPT'],
    ['is damaged', 'flip in the middle', 'backup_manifest', 'OBJECT_CORRUPT'],
  ] as const)('goes on when %s in the first: %s %s', async (_, damage, what, code) => {
    inflict(damage, pathOf('main', what))
    const { result } = await expectWritten()
    expect(result.passedOver.map(trouble => trouble.code)).toContain(code)
    expect(result.passedOver.every(({ instead }) => instead === 'second')).toBe(true)
  })

  test('puts a backup together that is damaged in both, in different places', async () => {
    for (const [repository, share] of [
      ['main', 0.3],
      ['second', 0.7],
    ] as const)
      flipByte(packOf(repository), Math.floor(readFileSync(packOf(repository)).length * share))
    const { result } = await expectWritten()
    expect(new Set(result.passedOver.map(({ repository }) => repository))).toEqual(
      new Set(['main', 'second']),
    )
  })

  test('names each repository and its reason when none has an object whole, and leaves nothing to start', async () => {
    inflict('remove', packOf('main'))
    inflict('cut in half', packOf('second'))
    await using restored = await tryRestore(lab, ['--config', config])
    expect(restored.run.status, describeRun(restored.run)).toBe(21)
    expect(restored.run.err).toMatch(/no repository could give .*00001\.tar.*; main: .*; second: /)
    expect(existsSync(join(restored.server.dataDirectory, 'global/pg_control'))).toBe(false)
  })

  test('finds WAL that lies partly here and partly there', async () => {
    const [one = '', two = ''] = later
    expect(later.length).toBeGreaterThanOrEqual(2)
    rmSync(pathOf('main', one))
    rmSync(pathOf('second', two))
    inflict('flip in the middle', pathOf('second', backup.stopWal))
    const { plan } = await expectRestored()
    expect(plan.repositories).toEqual(['main', 'second'])
    const status = await lab.run(['--config', config, 'wal', 'status'])
    expect(status.status, describeRun(status)).toBe(0)
    expect((await lab.run(['--config', config, 'wal', 'status', '--repository', 'main'])).status).toBe(62)
  })

  test('goes on from the second when the first is gone already, once somebody says so, and starts', async () => {
    rmSync(folders.main, { recursive: true })
    const target = ['--target-dir', join(lab.server.root, 'planned')]
    const planned = await lab.ok(['--config', config, 'restore', '--plan', '--json', ...target])
    expect(jsonOf<Result>(planned).plan).toMatchObject({
      notRead: [{ repository: 'main' }],
      repositories: ['second'],
      mayLeadFurther: ['main'],
    })
    expect(planned.err).toMatch(
      /warning: repository main can not be read, and what only it holds is not brought back/,
    )
    const refused = await lab.run(['--config', config, 'restore', ...target])
    expect(refused.status, describeRun(refused)).toBe(53)
    expect(refused.err).toMatch(/unsure +main may hold a newer backup[^]*--without main.*--repository NAME/)
    expect((await expectRestored(['--without', 'main'])).plan.repositories).toEqual(['second'])
  })

  test('goes on from the second when the first goes away in the middle, and starts', async () => {
    await using restored = await whileRestoring(() => {
      renameSync(folders.main, `${folders.main}-away`)
    })
    renameSync(`${folders.main}-away`, folders.main)
    expect(restored.status, restored.err).toBe(0)
  })

  test('with the second named, reads it first', async () => {
    const { plan } = await expectWritten(['--repository', 'second'])
    expect(plan.repositories).toEqual(['second', 'main'])
  })

  test('reads nothing from a repository that is left out', async () => {
    inflict('flip in the middle', packOf('main'))
    const { plan, result } = await expectWritten(['--without', 'main'])
    expect(plan.repositories).toEqual(['second'])
    expect(result.passedOver).toEqual([])
  })
})

/** Does `act` as soon as the restore has begun to write. */
async function whileRestoring(
  act: () => void,
): Promise<AsyncDisposable & { readonly status: number; readonly err: string }> {
  const target = join(lab.server.root, 'halfway')
  makeOwned(target)
  const running = lab.start(['--config', config, 'restore', '--target-dir', target, '--yes', '--json'])
  await until(
    'the restore writes',
    () => existsSync(join(target, 'base')) && readdirSync(join(target, 'base')).length > 0,
  )
  act()
  const { status, out, err } = await running.ended
  return {
    status,
    err: `${out}${err}`,
    [Symbol.asyncDispose]: async () => {
      rmSync(target, { recursive: true, force: true })
    },
  }
}

describe('wal get', () => {
  const destination = (): string => join(lab.server.root, 'fetched')
  const get = (name: string, ...args: readonly string[]) =>
    lab.run(['--config', config, 'wal', 'get', ...args, name, destination()])
  const next = (): string => '0000000100000000000000F0'

  test('takes a segment from whichever has it', async () => {
    const [one = '', two = ''] = later
    rmSync(pathOf('main', one))
    rmSync(pathOf('second', two))
    for (const name of [one, two]) expect((await get(name)).status, name).toBe(0)
  })

  test('says that a segment does not exist only when all say so', async () => {
    expect((await get(next())).status).toBe(1)
    renameSync(folders.second, `${folders.second}-away`)
    try {
      const run = await get(next())
      expect(run.status, describeRun(run)).toBe(126)
      expect(run.err).toMatch(/second: there is no folder/)
      expect(run.err).toMatch(/--without second/)
      expect((await get(next(), '--without', 'second')).status).toBe(1)
      expect((await get(later[0] ?? '')).status).toBe(0)
    } finally {
      rmSync(`${folders.second}-away`, { recursive: true })
    }
  })

  test('takes what is damaged in one from the other, and says so', async () => {
    const [one = ''] = later
    inflict('flip in the middle', pathOf('main', one))
    const run = await get(one)
    expect(run.status, describeRun(run)).toBe(0)
    expect(run.err).toMatch(new RegExp(`warning: repository main: .*${one}.*taken from second instead`))
    inflict('remove', pathOf('second', one))
    expect((await get(one)).status).toBe(126)
  })
})

describe('verify', () => {
  test('of all repositories tells of each, and where to go when one is damaged', async () => {
    inflict('flip in the middle', packOf('second'))
    const run = await lab.run(['--config', config, 'verify', '--all'])
    expect(run.status, describeRun(run)).toBe(25)
    expect(run.out).toMatch(/repository main\n[^]*everything is as it was written/)
    expect(run.out).toMatch(/repository second\n[^]*DAMAGE/)
    expect(run.err).toMatch(/holdfast repair/)
    expect((await lab.run(['--config', config, 'verify'])).status).toBe(0)
  })

  test('without a key finds what is not as it was stored, and says what it could not look at', async () => {
    const keyless = lab.writeConfig('keyless.yaml', {
      repositories: {
        main: {
          ...lab.config.repositories['main'],
          encryption: { recipients: backup.recipients },
        },
      },
    })
    const good = await lab.run(['--config', keyless, 'verify'])
    expect(good.status, describeRun(good)).toBe(0)
    expect(good.out).toMatch(/by its hashes/)
    expect(good.out).toMatch(/no key here, so 1 of 1 backups .* SHA-256 only/)
    expect(good.out).toMatch(/only the heads of \d+ WAL files/)
    expect(good.out).toMatch(/what could be checked is as it was written/)
    inflict('flip in the middle', packOf('main'))
    const damaged = await lab.run(['--config', keyless, 'verify', '--json'])
    expect(damaged.status, describeRun(damaged)).toBe(25)
    expect(damaged.out).toMatch(/data\/00001\.tar.*\n?.*\n?.*SHA-256/)
  })
})
