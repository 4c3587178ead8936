import { describe, expect, test } from 'vitest'
import { withCold, type ColdStorage } from '../../../test/fakes/cold-storage.ts'
import {
  copyDeps,
  emptyPlace,
  labIdentity,
  labSignal as signal,
  labWorld,
  objectsIn,
  putBackup,
  putWal,
  segment,
  withRepository,
  type MemorySide,
} from '../../../test/fakes/copy-lab.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import { initRepository } from '../../repository/repository.ts'
import type { Storage } from '../../storage/storage.ts'
import { copyRepository, type CopyOptions } from './copy.ts'
import type { CopyReport } from './report.ts'

const everything: CopyOptions = { ids: undefined, wal: true, backups: true, dumps: true, dryRun: false }
const keys = await generateIdentity()
const full = '20260301T020000Z-full'
const child = '20260302T020000Z-incremental'
const later = '20260308T020000Z-full'

interface Scene extends ColdStorage {
  readonly from: MemorySide
}

/** A chain of two, a backup that stands alone, and WAL behind it. */
async function scene(): Promise<Scene> {
  const place = emptyPlace('main', keys)
  const cold = withCold(place.storage)
  const side = { ...place, storage: cold.storage }
  await initRepository(side.storage, labIdentity, labWorld, signal)
  const from = await withRepository(side)
  await putBackup(from, full, [1, 2])
  await putBackup(from, child, [3, 3], { parent: full })
  await putBackup(from, later, [5, 6])
  await putWal(from, [4, 7, 8].map(segment))
  return { ...cold, from }
}

const copy = (from: MemorySide, to = emptyPlace('second', keys), more: Partial<CopyOptions> = {}) =>
  copyRepository(copyDeps(from, to), { ...everything, ...more }, signal)

const told = ({ cold }: CopyReport): readonly (readonly [string, string, number])[] =>
  cold.map(({ what, why, objects }) => [what, why, objects.length])

describe('a copy of what lies partly in the cold', () => {
  test('copies what can be read, leaves a cold backup and what is based on it, and is no damage', async () => {
    const { from, freeze, refused } = await scene()
    freeze(new RegExp(`${full}/data/`))
    const report = await copy(from)
    expect(report).toMatchObject({ problems: [], copied: { backups: [later], walFiles: 8 } })
    expect(told(report)).toEqual([
      [`backup ${full}`, 'its objects can not be read before that', 2],
      [`backup ${child}`, `it is based on ${full}, which can not be read before that`, 0],
    ])
    expect(refused).toEqual([])
  })

  test('tells the same in a dry run, whose sums are of what can be read', async () => {
    const { from, freeze } = await scene()
    freeze(new RegExp(`${full}/data/`))
    const report = await copy(from, undefined, { dryRun: true })
    expect(report.totals).toMatchObject({ backups: 1, walFiles: 8 })
    expect(told(report)).toHaveLength(2)
  })

  test('does not commit a backup whose WAL is cold, and tells the WAL as one', async () => {
    const { from, freeze, refused } = await scene()
    freeze(new RegExp(`${segment(5)}|${segment(6)}|${segment(7)}`))
    const report = await copy(from)
    expect(report).toMatchObject({ problems: [], copied: { backups: [full, child], walFiles: 5 } })
    expect(told(report)).toEqual([
      [`backup ${later}`, `it needs ${segment(5)}, which can not be read before that`, 0],
      [`3 WAL files, ${segment(5)} to ${segment(7)}`, 'it can not be read before that', 3],
    ])
    expect(refused).toEqual([])
  })

  test('of what is there already asks nothing, however cold the source is now', async () => {
    const { from, freeze } = await scene()
    const to = emptyPlace('second', keys)
    await copy(from, to)
    freeze(/backups|wal/)
    expect(await copy(from, to)).toMatchObject({
      cold: [],
      problems: [],
      totals: { backups: 0, walFiles: 0 },
    })
  })

  test('takes from another repository what that one has', async () => {
    const { from, freeze } = await scene()
    const other = emptyPlace('third', keys)
    await copy(from, other)
    freeze(new RegExp(`${full}/data/|${segment(7)}`))
    const to = emptyPlace('second', keys)
    const report = await copyRepository(
      copyDeps(from, to, [await withRepository(other)]),
      { ...everything, dumps: false },
      signal,
    )
    expect(report.cold).toEqual([])
    expect([...(await objectsIn(to.storage)).keys()].filter(key => /backups|wal/.test(key))).toEqual(
      [...(await objectsIn(other.storage)).keys()].filter(key => /backups|wal/.test(key)),
    )
  })

  test('is whole once everything was thawed', async () => {
    const { from, freeze, thaw } = await scene()
    const to = emptyPlace('second', keys)
    freeze(/backups|wal/)
    expect((await copy(from, to)).copied).toMatchObject({ backups: [], walFiles: 0 })
    thaw()
    expect(await copy(from, to)).toMatchObject({ cold: [], problems: [], copied: { walFiles: 8 } })
  })
})

test('what an earlier copy left in a cold class of the destination is written anew, and the backup committed', async () => {
  const { from } = await scene()
  const place = emptyPlace('second', keys)
  const cold = withCold(place.storage)
  const traits: Storage['traits'] = async stop => ({
    ...(await place.storage.traits(stop)),
    checksWrites: true,
  })
  const to = { ...place, storage: { ...cold.storage, traits } }
  await copy(from, to)
  await to.storage.delete([`gathr/backups/${later}/backup.json`], signal)
  cold.freeze(new RegExp(`${later}/data/`))
  expect(await copy(from, to)).toMatchObject({ cold: [], problems: [], copied: { backups: [later] } })
})
