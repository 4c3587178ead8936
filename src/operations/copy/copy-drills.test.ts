import { describe, expect, test } from 'vitest'
import {
  copyDeps,
  emptyPlace,
  labIdentity,
  labSignal as signal,
  labWorld,
  type MemorySide,
} from '../../../test/fakes/copy-lab.ts'
import { putDrillAt } from '../../../test/fakes/drills.ts'
import { copyText } from '../../cli/describe-copy.ts'
import { silentProgress } from '../../base/progress.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import { findDrill, readDrillFile, readDrills } from '../../repository/drill-catalog.ts'
import { drillFolder } from '../../repository/layout.ts'
import { initRepository, openRepository } from '../../repository/repository.ts'
import { bodyOf } from '../../storage/storage.ts'
import { copyRepository } from './copy.ts'
import { copyDrills, drillsToCopy, type DrillCopy } from './copy-drills.ts'
import { unwantedOf } from './retention.ts'

const startMs = Date.UTC(2026, 0, 5, 4)
const weekMs = 7 * 86_400_000
const all = (): ReadonlySet<string> => new Set()

async function sideOf(name: string, keys: Awaited<ReturnType<typeof generateIdentity>>): Promise<MemorySide> {
  const place = emptyPlace(name, keys)
  await initRepository(place.storage, labIdentity, labWorld, signal)
  return { ...place, repository: await openRepository(place.storage, labIdentity.cluster, signal) }
}

interface Pair {
  readonly from: MemorySide
  readonly to: MemorySide
  readonly copy: DrillCopy
  readonly drill: (week: number) => Promise<string>
}

async function pairOf(isSameKey: boolean): Promise<Pair> {
  const keys = await generateIdentity()
  const from = await sideOf('main', keys)
  const to = await sideOf('second', isSameKey ? keys : await generateIdentity())
  return {
    from,
    to,
    copy: { world: labWorld, progress: silentProgress, from, to, arrival: 'read back' },
    async drill(week) {
      const encoding = { level: 3, recipients: from.recipients }
      return (await putDrillAt(from.repository, encoding, startMs + week * weekMs)).id
    },
  }
}

const keysOf = async ({ storage }: MemorySide, id: string): Promise<readonly string[]> =>
  (await Array.fromAsync(storage.list(`${drillFolder('gathr', id)}/`, signal))).map(({ key }) => key)

describe.each([
  ['the same key', true],
  ['another key', false],
])('reports of drills, for %s', (_, isSameKey) => {
  test('arrive once, and can be read there', async () => {
    const { from, to, copy, drill } = await pairOf(isSameKey)
    const ids = [await drill(0), await drill(1)]
    const missing = await drillsToCopy(from, to, all, signal)
    const done = await copyDrills(copy, missing, signal)
    expect(done).toMatchObject({ ids, objects: 4, problems: [] })
    expect((await readDrills(to.repository, signal)).drills.map(({ id }) => id)).toEqual(ids)
    for (const id of ids) {
      const record = await findDrill(to.repository, id, signal)
      if (!record) throw new Error('it was copied')
      const page = await readDrillFile(to.repository, record, 'page', to.identities, signal)
      expect(Buffer.from(page).toString()).toBe('<p>the page</p>')
      expect(await keysOf(to, id)).toEqual(await keysOf(from, id))
    }
    expect(await drillsToCopy(from, to, all, signal)).toEqual([])
  })

  test('of which a copy that was cut off left a part arrive whole', async () => {
    const { from, to, copy, drill } = await pairOf(isSameKey)
    const id = await drill(0)
    const left = `${drillFolder('gathr', id)}/report.json.zst.age`
    await to.storage.put(left, bodyOf(Buffer.from('half')), signal)
    const done = await copyDrills(copy, await drillsToCopy(from, to, all, signal), signal)
    expect(done).toMatchObject({ ids: [id], problems: [] })
    const record = await findDrill(to.repository, id, signal)
    if (!record) throw new Error('it was copied')
    await expect(readDrillFile(to.repository, record, 'report', to.identities, signal)).resolves.toBeDefined()
  })
})

test('a copy of everything brings them, says so, and a dry run only says so', async () => {
  const { from, to, drill } = await pairOf(true)
  const id = await drill(0)
  const options = { ids: undefined, wal: true, backups: true, dumps: true, dryRun: false }
  const planned = await copyRepository(copyDeps(from, to), { ...options, dryRun: true }, signal)
  expect(planned.steps).toEqual([{ kind: 'drill', why: 'its report is not there', bytes: 0, drill: id }])
  expect(copyText({ report: planned, thaw: undefined })).toContain(
    `the report of ${id} (its report is not there)`,
  )
  const { copied } = await copyRepository(copyDeps(from, to), { ...options, dumps: false }, signal)
  expect(copied.drills).toEqual([])
  const done = await copyRepository(copyDeps(from, to), options, signal)
  expect(done.copied.drills).toEqual([id])
  expect(copyText({ report: done, thaw: undefined })).toContain('1 report of a drill and 0 WAL files')
  expect((await copyRepository(copyDeps(from, to), options, signal)).steps).toEqual([])
})

test('what the destination would not keep is not brought', async () => {
  const { from, to, drill } = await pairOf(true)
  await drill(0)
  const last = await drill(1)
  const rules = { drills: { last: 1 }, minimum: 1, timeZone: 'UTC' }
  const unwanted = (drills: Awaited<ReturnType<typeof drillsToCopy>>): ReadonlySet<string> =>
    new Set(unwantedOf({ backups: [], drills }, rules, startMs + 2 * weekMs).unwanted?.keys())
  expect((await drillsToCopy(from, to, unwanted, signal)).map(({ id }) => id)).toEqual([last])
})

test('one that is damaged is told, and the others arrive', async () => {
  const { from, to, copy, drill } = await pairOf(true)
  const [bad, good] = [await drill(0), await drill(1)]
  const key = `${drillFolder('gathr', bad)}/report.html.zst.age`
  await from.storage.delete([key], signal)
  await from.storage.put(key, bodyOf(Buffer.from('damaged')), signal)
  const done = await copyDrills(copy, await drillsToCopy(from, to, all, signal), signal)
  expect(done.ids).toEqual([good])
  expect(done.problems).toMatchObject([{ what: `drill ${bad}`, code: 'OBJECT_CORRUPT' }])
  expect(await findDrill(to.repository, bad, signal)).toBeUndefined()
})
