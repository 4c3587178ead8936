import { expect, test } from 'vitest'
import {
  copyDeps,
  damage,
  emptyPlace,
  labWorld,
  objectsIn,
  openMemorySide,
  putBackup,
  putWal,
  segment,
} from '../../../test/fakes/copy-lab.ts'
import { Fault } from '../../base/fault.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import type { Storage } from '../../storage/storage.ts'
import type { CopyReport } from './report.ts'
import { watchCopy } from './watch.ts'

const keys = await generateIdentity()
const full = '20260301T020000Z-full'

/** What happens between one look and the next; then it is told to stop. */
async function watch(
  { storage, ...scene }: Awaited<ReturnType<typeof openScene>> & { storage?: Storage | undefined },
  ...between: readonly (() => Promise<unknown>)[]
): Promise<{ reports: CopyReport[]; troubles: Fault[]; pausesMs: number[] }> {
  const stop = new AbortController()
  const [reports, troubles, pausesMs]: [CopyReport[], Fault[], number[]] = [[], [], []]
  let looks = 0
  const clock = {
    ...labWorld.clock,
    // Other things wait by this clock, too: leases. The pauses between looks are whole seconds from the limits.
    async sleep(ms: number, signal: AbortSignal) {
      if (signal !== stop.signal) return labWorld.clock.sleep(ms, signal)
      pausesMs.push(ms)
      const next = between[looks++]
      if (next) await next()
      else stop.abort()
    },
  }
  const deps = {
    ...copyDeps(scene.from, { ...scene.to, storage: storage ?? scene.to.storage }),
    world: { ...labWorld, clock },
    onCopied: (report: CopyReport) => void reports.push(report),
    onTrouble: (fault: Fault) => void troubles.push(fault),
  }
  await watchCopy(deps, { wal: true, backups: true, dumps: true }, stop.signal)
  return { reports, troubles, pausesMs }
}

test('what appears is copied with the next look, and a look that brings nothing is not told', async () => {
  const scene = await openScene()
  const { reports } = await watch(
    scene,
    () => putWal(scene.from, [segment(3)]),
    () => Promise.resolve(),
    () => putBackup(scene.from, '20260302T020000Z-full', [4, 5]),
  )
  expect(reports.map(({ copied }) => [copied.backups, copied.walFiles])).toEqual([
    [[full], 2],
    [[], 1],
    [['20260302T020000Z-full'], 2],
  ])
})

test('WAL that arrives out of order is seen', async () => {
  const scene = await openScene()
  const { reports } = await watch(
    scene,
    () => putWal(scene.from, [segment(5)]),
    () => putWal(scene.from, [segment(3), segment(4)]),
  )
  expect(reports.map(({ copied }) => copied.walFiles)).toEqual([2, 1, 2])
})

test('what can not be copied is told once, and not read again with every look', async () => {
  const scene = await openScene()
  const key = `gathr/backups/${full}/data/00001.tar.zst.age`
  await damage(scene.from.storage, key)
  let reads = 0
  const counted = {
    ...scene.from.repository.storage,
    get: (...args: Parameters<Storage['get']>) => {
      if (args[0] === key) reads++
      return scene.from.storage.get(...args)
    },
  }
  const from = { ...scene.from, repository: { ...scene.from.repository, storage: counted } }
  const nothing = (): Promise<void> => Promise.resolve()
  const { reports } = await watch({ ...scene, from }, nothing, nothing, nothing)
  expect(reports.map(({ problems }) => problems.length)).toEqual([1])
  expect(reads).toBe(1)
})

test('a storage that is out of reach is waited for, longer each time, and then all is copied', async () => {
  const scene = await openScene()
  let isDown = true
  const storage: Storage = {
    ...scene.to.storage,
    put: (...args) => (isDown ? Promise.reject(down) : scene.to.storage.put(...args)),
  }
  const { reports, troubles, pausesMs } = await watch(
    { ...scene, storage },
    () => Promise.resolve(),
    () => {
      isDown = false
      return Promise.resolve()
    },
  )
  expect(troubles).toEqual([down, down])
  expect(pausesMs.slice(0, 2)).toEqual([10_000, 20_000])
  expect(reports.map(({ copied }) => copied.backups)).toEqual([[full]])
})

test('what waiting can not mend ends it', async () => {
  const scene = await openScene()
  const denied = new Fault('STORAGE_DENIED', 'no', { hint: 'Ask for it.' })
  const storage: Storage = { ...scene.to.storage, put: () => Promise.reject(denied) }
  await expect(watch({ ...scene, storage })).rejects.toBe(denied)
  expect(await objectsIn(scene.to.storage)).toEqual(new Map())
})

const down = new Fault('STORAGE_UNAVAILABLE', 'it is down', { hint: 'Wait.' })

async function openScene() {
  const from = await openMemorySide('main', keys)
  await putBackup(from, full, [1, 2])
  return { from, to: emptyPlace('second', keys) }
}
