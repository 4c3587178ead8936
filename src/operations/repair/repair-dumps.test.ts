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
  withRepository,
  type MemorySide,
} from '../../../test/fakes/copy-lab.ts'
import { countRequests } from '../../../test/fakes/counting-storage.ts'
import { putDump } from '../../../test/fakes/stored-dumps.ts'
import { silentProgress } from '../../base/progress.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import { objectsOfDump, readDump } from '../../repository/dump-catalog.ts'
import { copyRepository } from '../copy/copy.ts'
import { repair } from './repair.ts'
import type { RepairReport } from './report.ts'

const [mine, theirs] = await Promise.all([generateIdentity(), generateIdentity()])
const id = '20260301T030000Z-dump'
const folder = `gathr/dumps/${id}`

describe.each([
  ['the same recipients', mine],
  ['other recipients', theirs],
] as const)('two repositories with %s', (_, keys) => {
  test('heal the dumps of one another', async () => {
    for (const isBack of [false, true]) {
      const { main, copy } = await scene(keys)
      const [hurt, whole] = isBack ? [main, copy] : [copy, main]
      const before = await objectsIn(hurt.storage)
      await damage(hurt.storage, `${folder}/parts/00001.dump.zst.age`)
      await hurt.storage.delete([`${folder}/globals.sql.zst.age`], signal)
      expect(await run(hurt, whole, { dryRun: true })).toMatchObject({ mended: { length: 2 } })
      const report = await run(hurt, whole)
      expect(report).toMatchObject({ unrepaired: [], checked: { dumps: 1 } })
      expect(report.mended.map(({ object, found }) => [object, found])).toEqual([
        [`${folder}/globals.sql.zst.age`, 'missing'],
        [`${folder}/parts/00001.dump.zst.age`, 'damaged'],
      ])
      // One-time keys in a lost header are lost for good: then the object gets another header, and the record says so.
      if (isBack && keys !== mine) await expectSameContent(hurt)
      else expect(await objectsIn(hurt.storage)).toEqual(before)
      expect(await run(hurt, whole)).toMatchObject({ mended: [], unrepaired: [] })
    }
  })

  test('bring back a dump.json that can not be read', async () => {
    for (const isBack of [false, true]) {
      const { main, copy } = await scene(keys)
      const [hurt, whole] = isBack ? [main, copy] : [copy, main]
      await damage(hurt.storage, `${folder}/dump.json`)
      const report = await run(hurt, whole)
      expect(report).toMatchObject({ unrepaired: [], mended: [{ object: `${folder}/dump.json` }] })
      await expectSameContent(hurt)
      expect(await run(hurt, whole)).toMatchObject({ mended: [], unrepaired: [] })
    }
  })
})

test('what is damaged in both is told, and nothing is touched', async () => {
  const { main, copy } = await scene(mine)
  const key = `${folder}/parts/00002/3456.dat.zst.age`
  for (const side of [main, copy]) await damage(side.storage, key)
  const before = await objectsIn(copy.storage)
  expect(await run(copy, main)).toMatchObject({ mended: [], unrepaired: [{ object: key }] })
  expect(await objectsIn(copy.storage)).toEqual(before)
})

async function expectSameContent({
  storage,
  identities: [identity = ''],
  repository,
}: MemorySide): Promise<void> {
  for (const { name } of objectsOfDump(await readDump(repository, id, signal)))
    expect(await opened(storage, `${folder}/${name}`, identity)).toEqual(packContent(id, name))
}

async function scene(keys: typeof mine): Promise<{ main: MemorySide; copy: MemorySide }> {
  const main = await openMemorySide('main', mine)
  await putDump(main, id)
  const place = emptyPlace('second', keys)
  const all = { ids: undefined, wal: true, backups: true, dumps: true, dryRun: false }
  expect((await copyRepository(copyDeps(main, place), all, signal)).problems).toEqual([])
  return { main, copy: await withRepository(place) }
}

test('of what there is nothing by that name, nothing is read, and the nearest is named', async () => {
  const { main, copy } = await scene(mine)
  expect(await run(copy, main, { ids: [id] })).toMatchObject({ checked: { dumps: 1, backups: 0 } })
  const near = '20260301T040000Z-dump'
  const counted = countRequests(copy.storage)
  const looked = { ...copy, repository: { ...copy.repository, storage: counted.storage } }
  await expect(run(looked, main, { ids: [id, near] })).rejects.toMatchObject({
    code: 'BACKUP_NOT_FOUND',
    message: `there is no backup or dump ${near} in "second"`,
    hint: expect.stringContaining(`Did you mean ${id}?`) as string,
  })
  // The record of the one that is there.
  expect(counted.requests.get).toBe(1)
})

function run(
  target: MemorySide,
  side: MemorySide,
  { dryRun = false, ids }: { readonly dryRun?: boolean; readonly ids?: readonly string[] } = {},
): Promise<RepairReport> {
  const log = { info: () => undefined, warn: () => undefined }
  const sources = async function* () {
    yield side
  }
  const scope = { ids, backups: true, dumps: true, wal: ids === undefined, dryRun }
  return repair({ world: labWorld, progress: silentProgress, log, target, sources }, scope, signal)
}
