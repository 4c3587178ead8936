/**
 * Damage to each kind of object, in each way: `verify` finds it and names the object, `restore` never brings it back as
 * if nothing were wrong, and `list` goes on telling of the rest.
 */
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { damages, flipByte, inflict } from './support/damage.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import { seededRandom } from './support/random.ts'
import { copyOfRepository, keysOf } from './support/repository-files.ts'
import { openLab, tail, type Lab } from './support/repository-lab.ts'
import { tryRestore, untilRecovered } from './support/restored-server.ts'

const random = seededRandom('damage')

/** Two backups on two timelines; WAL that the second needs, and WAL after it. */
interface Scene {
  readonly lab: Lab
  readonly first: BackupRecord
  readonly second: BackupRecord
  readonly keys: readonly string[]
}

const kinds = ['pack', 'manifest', 'WAL that the backup needs', 'WAL after the backup'] as const
/** Nothing but our own checks stands between a damaged byte and the server when there are no seals. */
const flips = damages.filter(damage => damage.startsWith('flip'))

describe.each([
  ['age', damages],
  ['none', flips],
] as const)('with encryption %s', (encryption, ways) => {
  let scene: Scene

  beforeAll(async () => {
    scene = await playScene(encryption)
  })

  afterAll(() => scene.lab[Symbol.asyncDispose]())

  describe.each(kinds.flatMap(kind => ways.map(damage => [kind, damage] as const)))(
    '%s: %s',
    (kind, damage) => {
      test('is found and named, and never restored in silence', async () => {
        const { lab, second } = scene
        using copy = copyOfRepository(lab)
        const key = keyOf(kind, scene)
        const config = configFor(lab, copy.directory)
        inflict(damage, join(copy.directory, key))
        await expectFound(lab, config, key)
        const list = await lab.json<readonly BackupRecord[]>(['--config', config, 'list'])
        expect(list.map(({ id }) => id)).toContain(second.id)
        await expectNotRestored(scene, config, key)
      })
    },
  )

  test.each(ways)('backup_manifest: %s: is found and named', async damage => {
    const { lab } = scene
    using copy = copyOfRepository(lab)
    const key = keyOf('backup_manifest', scene)
    inflict(damage, join(copy.directory, key))
    await expectFound(lab, configFor(lab, copy.directory), key)
  })

  test.each(ways)(
    'the history of a timeline: %s: is found and named, and no restore passes it over',
    async damage => {
      const { lab, first } = scene
      using copy = copyOfRepository(lab)
      const config = configFor(lab, copy.directory)
      const key = keyOf('history', scene)
      inflict(damage, join(copy.directory, key))
      await expectFound(lab, config, key)
      // The way from the first timeline to the second is told by this file alone.
      await expectNotRestored({ ...scene, second: first }, config, key)
    },
  )
})

describe('damage to a record that can be read without a key', () => {
  let scene: Scene

  beforeAll(async () => {
    scene = await playScene('age')
  })

  afterAll(() => scene.lab[Symbol.asyncDispose]())

  const records = ['backup.json', 'cluster.json', 'holdfast.json'] as const

  test.each(records.flatMap(name => damages.map(damage => [name, damage] as const)))(
    '%s: %s: is found and named',
    async (name, damage) => {
      // A backup without its backup.json is none: that is how deletion begins, and the sweep's business.
      if (name === 'backup.json' && damage === 'remove') return
      const { lab, first } = scene
      using copy = copyOfRepository(lab)
      const config = configFor(lab, copy.directory)
      const key = keyOf(name, scene)
      inflict(damage, join(copy.directory, key))
      const verify = await lab.run(['--config', config, 'verify', '--json'])
      expect(verify.status, describeRun(verify)).toBeGreaterThan(0)
      expect(verify.out + verify.err).toContain(name)
      if (name !== 'backup.json') return
      expect(verify.status).toBe(25)
      const list = await lab.run(['--config', config, 'list', '--json'])
      expect(jsonOf<readonly BackupRecord[]>(list).map(({ id }) => id)).toContain(first.id)
    },
  )

  test('any one bit of any record: is found', async () => {
    const { lab } = scene
    for (const name of records) {
      for (let round = 0; round < 4; round++) {
        using copy = copyOfRepository(lab)
        const path = join(copy.directory, keyOf(name, scene))
        const at = random.integer(0, sizeOf(path) - 2)
        flipByte(path, at)
        const verify = await lab.run(['--config', configFor(lab, copy.directory), 'verify', '--json'])
        expect(verify.status, `${name}, byte ${String(at)}: ${describeRun(verify)}`).toBeGreaterThan(0)
      }
    }
  })
})

async function expectFound(lab: Lab, config: string, key: string): Promise<void> {
  const verify = await lab.run(['--config', config, 'verify', '--json'])
  expect(verify.status, describeRun(verify)).toBe(25)
  const name = (key.split('/').at(-1) ?? '').replace(/\.zst.*/, '')
  expect(verify.out, describeRun(verify)).toContain(name)
  expect(verify.out, 'what it costs').toMatch(/not restorable|window|timeline|can not be/)
}

/** Either restore refuses and names the object, or the server refuses to come up on what it got. */
async function expectNotRestored({ lab, second }: Scene, config: string, key: string): Promise<void> {
  const name = (key.split('/').at(-1) ?? '').replace(/\.zst.*/, '')
  await using restored = await tryRestore(lab, ['--config', config, '--backup', second.id, '--latest'], {
    build: 'debian',
  })
  const { run, server } = restored
  if (run.status !== 0) {
    expect(run.out + run.err, describeRun(run)).toContain(name)
    return
  }
  // It may let us in while it replays, and stop when it comes to what is damaged.
  const outcome = await server
    .start()
    .then(() => untilRecovered(server))
    .catch(() => 'refused')
  expect(outcome, `${describeRun(run)}\n${tail(server.log())}`).toBe('refused')
  expect(server.log()).toContain(name)
}

async function playScene(encryption: 'age' | 'none'): Promise<Scene> {
  const lab = await openLab({ major: 15, build: 'debian', encryption, walSegmentSizeMb: 1 })
  const first = await lab.backup()
  await lab.server.stop()
  writeFileSync(join(lab.server.dataDirectory, 'standby.signal'), '')
  await lab.server.start()
  await lab.server.query('SELECT pg_promote()')
  const second = await lab.backup()
  for (const table of ['a', 'b', 'c']) {
    await lab.server.query(`CREATE TABLE ${table} AS SELECT generate_series(1, 1000) AS n`)
    await lab.archiveAll()
  }
  return { lab, first, second, keys: keysOf(lab.repositoryDirectory) }
}

type Kind =
  (typeof kinds)[number] | 'backup_manifest' | 'history' | 'backup.json' | 'cluster.json' | 'holdfast.json'

/** The object of this kind that is damaged: of the second backup, and of the WAL it leads to. */
function keyOf(kind: Kind, { keys, second }: Scene): string {
  const inBackup =
    (name: string): ((key: string) => boolean) =>
    key =>
      key.includes(`/backups/${second.id}/${name}`)
  const isSegment =
    (name: string): ((key: string) => boolean) =>
    key =>
      key.includes(`/${name}.zst`)
  const fits = {
    pack: inBackup(fullestPackOf(second)),
    manifest: inBackup('manifest.json'),
    backup_manifest: inBackup('backup_manifest'),
    'backup.json': inBackup('backup.json'),
    'WAL that the backup needs': isSegment(second.startWal),
    'WAL after the backup': isSegment(segmentAfter(second.stopWal)),
    history: (key: string) => key.includes('.history.zst'),
    'cluster.json': (key: string) => key.endsWith('/cluster.json'),
    'holdfast.json': (key: string) => key === 'holdfast.json',
  }[kind]
  const key = keys.find(fits)
  if (key === undefined) throw new Error(`there is no ${kind} in ${keys.join(', ')}`)
  return key
}

/** A worker that came late may have got next to nothing to do, and its pack may hold nothing that a restore needs. */
function fullestPackOf({ packs }: BackupRecord): string {
  const [fullest] = packs.toSorted((one, other) => other.files - one.files)
  if (!fullest) throw new Error('the backup has no pack')
  return fullest.name
}

/** Not the last one: that the archive ends earlier than it did is nothing that anybody could see. */
function segmentAfter(name: string): string {
  const next = (Number.parseInt(name.slice(16), 16) + 1).toString(16).toUpperCase().padStart(8, '0')
  return name.slice(0, 16) + next
}

function configFor(lab: Lab, directory: string): string {
  return lab.writeRepositoryConfig('damaged.yaml', { url: `file://${directory}` })
}

const sizeOf = (path: string): number => statSync(path).size
