import { describe, expect, test } from 'vitest'
import {
  copyDeps,
  damage,
  emptyPlace,
  labSignal as signal,
  labWorld,
  objectsIn,
  opened,
  openMemorySide,
  packContent,
  putBackup,
  replace,
  withRepository,
  type MemorySide,
} from '../../../test/fakes/copy-lab.ts'
import { putDump } from '../../../test/fakes/stored-dumps.ts'
import { isFault } from '../../base/fault.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import { objectsOfDump, readDump } from '../../repository/dump-catalog.ts'
import { acquireLease, leaseOwner } from '../../repository/lease.ts'
import { copyRepository, type CopyOptions } from './copy.ts'

const [mine, theirs] = await Promise.all([generateIdentity(), generateIdentity()])
const everything: CopyOptions = { ids: undefined, wal: true, backups: true, dumps: true, dryRun: false }
const [first, second] = ['20260301T030000Z-dump', '20260302T030000Z-dump']
const full = '20260301T020000Z-full'

describe('dumps in a copy', () => {
  test('for the same recipients are the source, byte by byte, and copied once', async () => {
    const from = await scene()
    const to = emptyPlace('second', mine)
    const report = await copyRepository(copyDeps(from, to), everything, signal)
    expect(report).toMatchObject({ problems: [], copied: { backups: [full], dumps: [second, first] } })
    expect(await dumpsIn(to)).toEqual(await dumpsIn(from))
    const again = await copyRepository(copyDeps(from, to), everything, signal)
    expect(again).toMatchObject({ problems: [], copied: { objects: 0 }, totals: { dumps: 0, bytes: 0 } })
  })

  test('for other recipients open with the other key alone, and their records say the truth', async () => {
    const from = await scene()
    const to = emptyPlace('second', theirs)
    expect((await copyRepository(copyDeps(from, to), everything, signal)).problems).toEqual([])
    const { repository, storage } = await withRepository(to)
    const record = await readDump(repository, first, signal)
    const { repository: origin } = record.copiedFrom ?? {}
    expect([record.recipients, origin]).toEqual([[theirs.recipient], from.repository.id])
    const objects = objectsOfDump(record)
    expect(record.sizes.storedBytes).toBe(objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))
    for (const { name } of objects) {
      const key = `gathr/dumps/${first}/${name}`
      expect(await opened(storage, key, theirs.identity)).toEqual(packContent(first, name))
      await expect(opened(storage, key, mine.identity)).rejects.toSatisfy(error =>
        isFault(error, 'KEY_WRONG'),
      )
    }
    const before = await objectsIn(storage)
    const again = await copyRepository(copyDeps(from, to), everything, signal)
    expect(again).toMatchObject({ problems: [], copied: { objects: 0 } })
    expect(await objectsIn(storage)).toEqual(before)
  })

  test('go alone by their id, or by their kind', async () => {
    const from = await scene()
    const one = emptyPlace('second', mine)
    const only = { ...everything, ids: [first], wal: false }
    const report = await copyRepository(copyDeps(from, one), only, signal)
    expect(report.copied).toMatchObject({ backups: [], dumps: [first], walFiles: 0 })
    const unknown = { ...only, ids: ['20200101T000000Z-dump'] }
    await expect(copyRepository(copyDeps(from, one), unknown, signal)).rejects.toThrow(
      'there is no dump 20200101T000000Z-dump in "main"',
    )
    const two = emptyPlace('third', mine)
    const kinds = { ...everything, wal: false, backups: false }
    expect((await copyRepository(copyDeps(from, two), kinds, signal)).copied).toMatchObject({
      backups: [],
      dumps: [second, first],
    })
    const none = { ...everything, dumps: false }
    expect((await copyRepository(copyDeps(from, emptyPlace('4', mine)), none, signal)).copied.dumps).toEqual(
      [],
    )
  })

  test('are resumed: what an earlier copy left is hashed, what is wrong replaced, and the record comes last', async () => {
    const from = await scene()
    const to = emptyPlace('second', mine)
    await copyRepository(copyDeps(from, to), everything, signal)
    const whole = await objectsIn(to.storage)
    const folder = `gathr/dumps/${first}`
    await to.storage.delete([`${folder}/dump.json`, `${folder}/globals.sql.zst.age`], signal)
    await damage(to.storage, `${folder}/parts/00001.dump.zst.age`)
    await replace(to.storage, `${folder}/parts/00002.json.zst.age`, Buffer.alloc(3))
    const report = await copyRepository(copyDeps(from, to), everything, signal)
    expect(report).toMatchObject({ problems: [], copied: { dumps: [first], objects: 3 } })
    expect(await objectsIn(to.storage)).toEqual(whole)
  })

  test('what is damaged in the source is not committed, or taken from another repository and told', async () => {
    const from = await scene()
    const third = emptyPlace('third', mine)
    await copyRepository(copyDeps(from, third), everything, signal)
    await damage(from.storage, `gathr/dumps/${first}/parts/00001.dump.zst.age`)
    const alone = await copyRepository(copyDeps(from, emptyPlace('second', mine)), everything, signal)
    expect(alone.copied.dumps).toEqual([second])
    expect(alone.problems).toMatchObject([{ what: `dump ${first}`, code: 'OBJECT_CORRUPT' }])
    const to = emptyPlace('second', mine)
    const others = [await withRepository(third)]
    const report = await copyRepository(copyDeps(from, to, others), everything, signal)
    expect(report.copied.dumps).toEqual([second, first])
    expect(report.problems[0]?.message).toContain('it was taken from "third"')
    expect(await dumpsIn(to)).toEqual(await dumpsIn(third))
  })

  test('wait for a dump that is being made there, and not for a backup', async () => {
    const from = await scene()
    const to = await openMemorySide('second', mine)
    const owner = await leaseOwner('dump')
    await using _lease = await acquireLease(to.repository, 'dump', owner, labWorld, signal)
    const report = await copyRepository(copyDeps(from, to), everything, signal)
    expect(report.copied).toMatchObject({ backups: [full], dumps: [] })
    expect(report.problems.map(({ code }) => code)).toEqual(['REPOSITORY_LOCKED', 'REPOSITORY_LOCKED'])
  })

  test('one that is unfinished is left out, one that can not be read is told', async () => {
    const from = await scene()
    await from.storage.delete([`gathr/dumps/${second}/dump.json`], signal)
    await damage(from.storage, `gathr/dumps/${first}/dump.json`)
    const report = await copyRepository(copyDeps(from, emptyPlace('second', mine)), everything, signal)
    expect(report.copied.dumps).toEqual([])
    expect(report.left).toMatchObject([{ what: `dump ${second}` }])
    expect(report.problems).toMatchObject([{ what: `dump ${first}`, code: 'OBJECT_MISSING' }])
  })
})

async function scene(): Promise<MemorySide> {
  const side = await openMemorySide('main', mine)
  await putBackup(side, full, [1, 2])
  await putDump(side, first)
  await putDump(side, second, { startedAt: '2026-03-02T03:00:00Z' })
  return side
}

async function dumpsIn({ storage }: Pick<MemorySide, 'storage'>): Promise<ReadonlyMap<string, Buffer>> {
  return new Map([...(await objectsIn(storage))].filter(([key]) => key.includes('/dumps/')))
}
