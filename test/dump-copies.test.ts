/** Dumps in several repositories, with the real program: copied, taken over from, healed, and filled when one was behind. */
import { execFileSync } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CopyReport } from '../src/operations/copy/report.ts'
import type { RepairReport } from '../src/operations/repair/report.ts'
import type { StatusReport } from '../src/operations/status/status.ts'
import type { DumpRecord } from '../src/repository/format/dump-record.ts'
import { flipByte } from './support/damage.ts'
import { countRows, openDumpLab, restoreWith, type DumpLab } from './support/dump-lab.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'
import { objectsOf } from './support/repository-files.ts'

let lab: DumpLab
let dump: DumpRecord
/** A configuration with copies for the same keys and for others, and one that writes two at once. */
let copies: string
let both: string
const folderOf = (name: string): string => join(lab.server.root, name)

beforeAll(async () => {
  lab = await openDumpLab(15, { major: 15, build: 'debian' })
  const otherKey = folderOf('other-identity.txt')
  const identity = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  lab.write(otherKey, identity)
  for (const name of ['second', 'sealed', 'also']) makeOwned(folderOf(name))
  const main = lab.config.repositories['main']
  const postgres = {
    connection: (lab.config['postgres'] as { connection: string }).connection,
    bin_directory: lab.clients,
  }
  const encryption = {
    recipients: [/public key: (age1\S+)/.exec(identity)?.[1]],
    identity: { file: otherKey },
  }
  copies = lab.writeConfig('copies.yaml', {
    postgres,
    repositories: {
      main,
      second: { ...main, url: `file://${folderOf('second')}`, copy_of: 'main' },
      sealed: { url: `file://${folderOf('sealed')}`, copy_of: 'main', encryption },
    },
  })
  both = lab.writeConfig('both.yaml', {
    postgres,
    write: 'all',
    repositories: { main, also: { ...main, url: `file://${folderOf('also')}` } },
  })
  dump = await lab.json<DumpRecord>(['dump', 'shop & co', '--jobs', '2'])
})
afterAll(() => lab[Symbol.asyncDispose]())

/** As if its disk were not mounted. */
async function without(folder: string, work: () => Promise<void>): Promise<void> {
  renameSync(folder, `${folder}-away`)
  try {
    await work()
  } finally {
    rmSync(folder, { recursive: true, force: true })
    renameSync(`${folder}-away`, folder)
  }
}

const dumpsIn = (folder: string): ReadonlyMap<string, string> =>
  new Map([...objectsOf(folder)].filter(([key]) => key.includes('/dumps/')))

describe('copies', () => {
  test('have the dump, for the same keys byte by byte, and take over when the first repository is gone', async () => {
    const reports = await lab.json<readonly CopyReport[]>(['--config', copies, 'copy'])
    expect(reports.map(({ copied, problems }) => [copied.dumps, problems])).toEqual([
      [[dump.id], []],
      [[dump.id], []],
    ])
    expect(dumpsIn(folderOf('second'))).toEqual(dumpsIn(lab.repositoryDirectory))
    await without(lab.repositoryDirectory, async () => {
      const args = ['--config', copies, 'restore-dump', dump.id, '--repository', 'sealed']
      const run = await lab.run([...args, '--database', 'from_sealed'])
      expect(run.status, describeRun(run)).toBe(0)
    })
    expect(await countRows(lab, 'from_sealed')).toEqual(await countRows(lab, 'shop & co'))
    const verified = await lab.run(['--config', copies, 'verify', dump.id, '--repository', 'sealed'])
    expect(verified.status, describeRun(verified)).toBe(0)
  })

  test('are held against the first one by status, dump by dump', async () => {
    const later = await lab.json<DumpRecord>(['dump', 'postgres'])
    const { repositories } = jsonOf<StatusReport>(await lab.run(['--config', copies, 'status', '--json']))
    expect(repositories.map(({ lag }) => lag?.dumps)).toEqual([undefined, [later.id], [later.id]])
    const run = await lab.ok(['--config', copies, 'copy', later.id])
    expect(run.out).toMatch(/main → second: copied 0 backups, 1 dump and 0 WAL files/)
  })

  test('give dump-fetch and restore-dump what the first one has damaged, and that is told', async () => {
    const object = dump.databases[0]?.objects.find(({ name }) => name.includes('/data/'))?.name ?? ''
    const path = join(lab.repositoryDirectory, `lab/dumps/${dump.id}/${object}`)
    flipByte(path, 5000)
    try {
      const directory = folderOf('fetched')
      const run = await lab.run(['--config', copies, 'dump-fetch', dump.id, directory])
      expect(run.status, describeRun(run)).toBe(0)
      expect(run.err).toContain('taken from second instead')
      await restoreWith(lab, 'by_fetched', ['--format=directory', directory])
      expect(await countRows(lab, 'by_fetched')).toEqual(await countRows(lab, 'shop & co'))
      const args = ['--config', copies, 'restore-dump', dump.id, '--database', 'by_both', '--json']
      const restored = jsonOf<{ result: { passedOver: unknown } }>(await lab.run(args))
      expect(restored.result.passedOver).toMatchObject([{ repository: 'main', instead: 'second' }])
    } finally {
      flipByte(path, 5000)
    }
  })

  test.each(['second', 'sealed'])('are healed by the first one: %s', async name => {
    const before = dumpsIn(folderOf(name))
    const record = `lab/dumps/${dump.id}/dump.json`
    const [object = ''] = dump.databases[0]?.objects.map(({ name: part }) => part) ?? []
    flipByte(join(folderOf(name), `lab/dumps/${dump.id}/${object}`), 5000)
    const dry = ['--config', copies, 'repair', '--repository', name, '--dry-run']
    expect((await lab.run(dry)).out).toContain('TO MEND')
    const report = await lab.json<RepairReport>(['--config', copies, 'repair', '--repository', name])
    expect(report.mended).toMatchObject([{ object: expect.stringContaining(object) as string, from: 'main' }])
    expect(report.checked.dumps).toBe(2)
    expect(dumpsIn(folderOf(name))).toEqual(before)
    flipByte(join(folderOf(name), record), 900)
    await lab.ok(['--config', copies, 'repair', dump.id, '--repository', name])
    expect(dumpsIn(folderOf(name)).get(record)).toBe(before.get(record))
  })
})

describe('with `write: all`', () => {
  test('a repository that was away is told with the command that fills it, and that command does', async () => {
    await lab.ok(['--config', both, 'init', '--yes'])
    let command: readonly string[] = []
    let id = ''
    await without(folderOf('also'), async () => {
      const run = await lab.run(['--config', both, 'dump', 'postgres', '--json'])
      expect(run.status, describeRun(run)).toBe(37)
      const record = jsonOf<DumpRecord & { repositories: unknown }>(run)
      id = record.id
      expect(record.repositories).toMatchObject([{ name: 'main' }, { name: 'also', state: 'behind' }])
      command = /`holdfast (copy [^`]+)`/.exec(run.err)?.[1]?.split(' ') ?? []
    })
    expect(command).toEqual(['copy', '--from', 'main', '--to', 'also', id])
    await lab.ok(['--config', both, ...command])
    const all = dumpsIn(lab.repositoryDirectory)
    for (const [key, sha256] of dumpsIn(folderOf('also'))) expect(all.get(key), key).toBe(sha256)
    expect([...dumpsIn(folderOf('also')).keys()]).toContain(`lab/dumps/${id}/dump.json`)
  })

  test('one with other recipients gets its own copy at once', async () => {
    const { repositories } = lab.config
    const other = lab.writeConfig('others.yaml', {
      postgres: { connection: lab.server.connectionString, bin_directory: lab.clients },
      write: 'all',
      repositories: {
        main: repositories['main'],
        sealed: {
          url: `file://${folderOf('sealed')}`,
          encryption: {
            recipients: (await lab.json<DumpRecord[]>(sealedList())).at(-1)?.recipients,
            identity: { file: folderOf('other-identity.txt') },
          },
        },
      },
    })
    const run = await lab.run(['--config', other, 'dump', 'postgres', '--json'])
    expect(run.status, describeRun(run)).toBe(0)
    const { repositories: states } = jsonOf<{ repositories: unknown }>(run)
    expect(states).toEqual([
      { name: 'main', state: 'whole' },
      { name: 'sealed', state: 'whole' },
    ])
  })
})

const sealedList = (): readonly string[] => [
  '--config',
  copies,
  'list',
  '--kind',
  'dump',
  '--repository',
  'sealed',
]
