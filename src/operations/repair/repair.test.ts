import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { withCold } from '../../../test/fakes/cold-storage.ts'
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
  putWal,
  replace,
  segment,
  withRepository,
  type MemorySide,
} from '../../../test/fakes/copy-lab.ts'
import { Fault } from '../../base/fault.ts'
import { silentProgress } from '../../base/progress.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import { readBackup } from '../../repository/catalog.ts'
import { copyRepository } from '../copy/copy.ts'
import type { CopySide } from '../copy/sides.ts'
import { repair } from './repair.ts'
import type { RepairReport } from './report.ts'

const [mine, theirs] = await Promise.all([generateIdentity(), generateIdentity()])
const id = '20260301T020000Z-full'
const folder = `gathr/backups/${id}`
const walKeyOf = (number: number): string => `gathr/wal/00000001/00000016/${segment(number)}.zst.age`
const everything = { ids: undefined, backups: true, dumps: true, wal: true, dryRun: false }

describe.each([
  ['the same recipients', mine],
  ['other recipients', theirs],
] as const)('two repositories with %s', (_, keys) => {
  test('heal one another: what is damaged or missing comes back byte by byte', async () => {
    for (const isBack of [false, true]) {
      const { main, copy } = await scene(keys)
      const [hurt, whole] = isBack ? [main, copy] : [copy, main]
      const before = await objectsIn(hurt.storage)
      await damage(hurt.storage, `${folder}/data/00001.tar.zst.age`)
      await hurt.storage.delete([`${folder}/manifest.json.zst.age`, walKeyOf(3)], signal)
      await damage(hurt.storage, walKeyOf(2), 0.9)
      await replace(hurt.storage, walKeyOf(4), Buffer.from('nothing of the kind'))
      await damage(hurt.storage, `${folder}/backup.json`)

      const dry = await run(hurt, [whole], { ...everything, dryRun: true })
      expect(dry).toMatchObject({ isDryRun: true, mended: { length: 3 } })
      const report = await run(hurt, [whole], everything)
      expect(report.mended.map(({ object, found }) => [object, found])).toEqual([
        [walKeyOf(2), 'damaged'],
        [walKeyOf(3), 'missing'],
        [walKeyOf(4), 'damaged'],
      ])
      // The record can not be told to be right while objects beside it are not: those are unknown without it.
      expect(report.unrepaired.map(({ object }) => object)).toEqual([`${folder}/backup.json`])
      expect(report.unrepaired[0]?.hint).toContain(
        `run \`holdfast copy --from ${whole.name} --to ${hurt.name} ${id}\``,
      )
      await replace(
        hurt.storage,
        `${folder}/backup.json`,
        before.get(`${folder}/backup.json`) ?? Buffer.alloc(0),
      )
      const second = await run(hurt, [whole], everything)
      expect(second).toMatchObject({ unrepaired: [], mended: { length: 2 } })
      // The one-time keys in a lost header are lost for good: then the object gets another header, and the record says so.
      const isAnew = isBack && keys !== mine
      if (isAnew) await expectSameContent(hurt, before)
      else expect(await objectsIn(hurt.storage)).toEqual(before)
      expect(await run(hurt, [whole], everything)).toMatchObject({ mended: [], unrepaired: [] })
    }
  })

  test('a record alone is brought back', async () => {
    for (const isBack of [false, true]) {
      const { main, copy } = await scene(keys)
      const [hurt, whole] = isBack ? [main, copy] : [copy, main]
      const before = await objectsIn(hurt.storage)
      await damage(hurt.storage, `${folder}/backup.json`)
      expect(await run(hurt, [whole], everything)).toMatchObject({ unrepaired: [], mended: { length: 1 } })
      if (isBack && keys !== mine) await expectSameContent(hurt, before)
      else expect(await objectsIn(hurt.storage)).toEqual(before)
      expect(await run(hurt, [whole], everything)).toMatchObject({ mended: [], unrepaired: [] })
    }
  })

  test('a backup whose record and packs are hurt is copied anew, once what is left of it is removed', async () => {
    for (const isBack of [false, true]) {
      const { main, copy } = await scene(keys)
      const [hurt, whole] = isBack ? [main, copy] : [copy, main]
      await damage(hurt.storage, `${folder}/backup.json`)
      await hurt.storage.delete([`${folder}/data/00001.tar.zst.age`], signal)
      const { unrepaired } = await run(hurt, [whole], everything)
      expect(unrepaired).toMatchObject([
        { hint: expect.stringContaining('Remove all that is left') as string },
      ])
      const left = [...(await objectsIn(hurt.storage)).keys()].filter(key => key.startsWith(`${folder}/`))
      await hurt.storage.delete(left, signal)
      const options = { ids: [id], wal: false, backups: true, dumps: false, dryRun: false }
      expect((await copyRepository(copyDeps(whole, hurt), options, signal)).problems).toEqual([])
      expect(await run(hurt, [whole], everything)).toMatchObject({ mended: [], unrepaired: [] })
    }
  })

  test('what is damaged in both is told, and nothing is touched', async () => {
    const { main, copy } = await scene(keys)
    const hurt = [`${folder}/data/00001.tar.zst.age`, walKeyOf(2)]
    for (const key of hurt) {
      await damage(main.storage, key, 0.9)
      await damage(copy.storage, key, 0.95)
    }
    const before = await objectsIn(copy.storage)
    const report = await run(copy, [main], everything)
    expect(report).toMatchObject({ mended: [], unrepaired: hurt.map(object => ({ object })) })
    expect(await objectsIn(copy.storage)).toEqual(before)
  })
})

test('what another repository has in the cold is told to be there, and mends when it was thawed', async () => {
  const { main, copy } = await scene(theirs)
  const cold = withCold(main.storage)
  const source = { ...main, repository: { ...main.repository, storage: cold.storage } }
  const before = await objectsIn(copy.storage)
  const hurt = [`${folder}/data/00001.tar.zst.age`, walKeyOf(2)]
  for (const key of hurt) await damage(copy.storage, key, 0.9)
  cold.freeze(/data|wal/)
  const damaged = await objectsIn(copy.storage)
  const { mended, unrepaired } = await run(copy, [source], everything)
  expect(mended).toEqual([])
  expect(unrepaired.map(({ object }) => object)).toEqual(hurt)
  for (const { hint } of unrepaired) expect(hint).toMatch(/^Thaw it: .* --repository main .*--thaw/)
  expect(await objectsIn(copy.storage)).toEqual(damaged)
  cold.thaw()
  expect(await run(copy, [source], everything)).toMatchObject({ unrepaired: [], mended: { length: 2 } })
  expect(await objectsIn(copy.storage)).toEqual(before)
})

test('what is cold itself is there, and no damage', async () => {
  const { main, copy } = await scene(mine)
  const cold = withCold(copy.storage)
  const target = { ...copy, repository: { ...copy.repository, storage: cold.storage } }
  cold.freeze(/data|wal/)
  expect(await run(target, [main], everything)).toMatchObject({
    mended: [],
    unrepaired: [],
    checked: { cold: 7 },
  })
})

test('a damaged header is found with a key, and mended', async () => {
  const { main, copy } = await scene(theirs)
  const before = await objectsIn(copy.storage)
  const bytes = before.get(walKeyOf(2)) ?? Buffer.alloc(0)
  await damage(copy.storage, walKeyOf(2), (bytes.indexOf('X25519') + 15) / bytes.length)
  expect(await run(copy, [main], everything)).toMatchObject({
    unrepaired: [],
    mended: [{ object: walKeyOf(2) }],
  })
  expect(await objectsIn(copy.storage)).toEqual(before)
})

test('without any key, packs are healed by their hashes, and WAL is told right or not judged', async () => {
  const { main, copy } = await scene(mine)
  const blind = (side: MemorySide): MemorySide => ({ ...side, identities: [] })
  const before = await objectsIn(copy.storage)
  await damage(copy.storage, `${folder}/data/00002.tar.zst.age`)
  const good = await run(blind(copy), [blind(main)], everything)
  expect(good).toMatchObject({ unrepaired: [], mended: { length: 1 }, checked: { unjudged: 0 } })
  expect(await objectsIn(copy.storage)).toEqual(before)
  await damage(copy.storage, walKeyOf(2), 0.9)
  const unsure = await run(blind(copy), [blind(main)], everything)
  expect(unsure).toMatchObject({ unrepaired: [], mended: [], checked: { unjudged: 1 } })
})

test('an object that is locked is told, and stays', async () => {
  const { main, copy } = await scene(mine)
  const key = `${folder}/data/00001.tar.zst.age`
  await damage(copy.storage, key)
  await copy.storage.retain(key, { mode: 'compliance', untilMs: labWorld.clock.now() + 60_000 }, signal)
  const report = await run(copy, [main], everything)
  expect(report.mended).toEqual([])
  expect(report.unrepaired[0]?.message).toContain('locked')
})

test('WAL that is newer than the newest is not missing: it is behind', async () => {
  const { main, copy } = await scene(mine)
  await putWal(main, [segment(9)])
  expect(await run(copy, [main], everything)).toMatchObject({ mended: [], unrepaired: [] })
})

test('another source is asked when the first one is of no help', async () => {
  const { main, copy } = await scene(mine)
  const key = `${folder}/data/00001.tar.zst.age`
  await damage(copy.storage, key)
  const empty = await openMemorySide('empty', mine)
  const dead: CopySide = {
    ...empty,
    name: 'dead',
    repository: { ...empty.repository, storage: failing(empty) },
  }
  expect(await run(copy, [dead, empty, main], everything)).toMatchObject({
    unrepaired: [],
    mended: [{ object: key, from: 'main' }],
  })
  await damage(copy.storage, key)
  expect(await run(copy, [empty], everything)).toMatchObject({ mended: [], unrepaired: [{ object: key }] })
})

async function expectSameContent(
  { storage, identities: [identity = ''], repository }: MemorySide,
  before: ReadonlyMap<string, Buffer>,
): Promise<void> {
  const after = await objectsIn(storage)
  expect([...after.keys()]).toEqual([...before.keys()])
  const record = await readBackup(repository, id, signal)
  for (const { name, sizeBytes, sha256 } of [...record.packs, record.manifest, record.backupManifest]) {
    const bytes = after.get(`${folder}/${name}`) ?? Buffer.alloc(0)
    expect([bytes.length, createHash('sha256').update(bytes).digest('hex')]).toEqual([sizeBytes, sha256])
    expect(await opened(storage, `${folder}/${name}`, identity)).toEqual(packContent(id, name))
  }
}

async function scene(keys: typeof mine): Promise<{ main: MemorySide; copy: MemorySide }> {
  const main = await openMemorySide('main', mine)
  await putBackup(main, id, [1, 3])
  await putWal(main, [segment(4), segment(5)])
  const place = emptyPlace('second', keys)
  const all = { ids: undefined, wal: true, backups: true, dumps: true, dryRun: false }
  expect((await copyRepository(copyDeps(main, place), all, signal)).problems).toEqual([])
  return { main, copy: await withRepository(place) }
}

function run(
  target: MemorySide,
  sides: readonly CopySide[],
  scope: Parameters<typeof repair>[1],
): Promise<RepairReport> {
  const log = { info: () => undefined, warn: () => undefined }
  const sources = async function* () {
    yield* sides
  }
  return repair({ world: labWorld, progress: silentProgress, log, target, sources }, scope, signal)
}

function failing({ storage }: MemorySide): CopySide['repository']['storage'] {
  const fail = (): never => {
    throw new Fault('STORAGE_UNAVAILABLE', 'it is gone', { hint: 'Wait.' })
  }
  return { ...storage, stat: fail, get: fail, list: fail }
}
