import { beforeEach, describe, expect, test } from 'vitest'
import { countRequests } from '../../test/fakes/counting-storage.ts'
import { systemWorld } from '../base/world.ts'
import { openMemoryStorage } from '../storage/drivers/memory.ts'
import { bodyOf } from '../storage/storage.ts'
import { walKey } from './layout.ts'
import type { Repository } from './repository.ts'
import { listWal, surveyWal, type WalRange } from './wal-list.ts'

const signal = new AbortController().signal
const segment = (timeline: number, folder: number, number: number): string =>
  [timeline, folder, number].map(part => part.toString(16).toUpperCase().padStart(8, '0')).join('')

let repository: Repository
let lists: () => number

beforeEach(() => {
  const counted = countRequests(openMemoryStorage(systemWorld().clock))
  const identity = {
    cluster: 'gathr',
    systemIdentifier: '7481',
    postgresMajor: 15,
    walSegmentSizeBytes: 1 << 24,
  }
  repository = { storage: counted.storage, identity, id: 'r' }
  lists = () => counted.requests.list
})

async function store(...names: readonly string[]): Promise<void> {
  for (const name of names)
    await repository.storage.put(walKey('gathr', name, '.zst.age'), bodyOf(Buffer.from(name)), signal)
}

const listed = async (what: number | WalRange | undefined): Promise<readonly string[]> =>
  (await Array.fromAsync(listWal(repository, what, signal))).map(({ name }) => name)

const shown = async (filesMax: number): Promise<{ names: readonly string[]; isWhole: boolean }> => {
  const { files, isWhole } = await surveyWal(repository, signal, filesMax)
  return { names: files.map(({ name }) => name), isWhole }
}

describe('listing WAL', () => {
  const names = [
    segment(1, 0, 254),
    segment(1, 0, 255),
    segment(1, 1, 0),
    `${segment(1, 1, 1)}.00000028.backup`,
    segment(1, 1, 1),
    segment(1, 1, 2),
    `${segment(1, 1, 3)}.partial`,
  ]

  test('gives a range with what belongs to its segments, across folders, and not what lies around it', async () => {
    await store(...names, '00000002.history', segment(2, 1, 1), segment(16, 1, 1))
    expect(await listed({ from: segment(1, 0, 255), to: segment(1, 1, 1) })).toEqual(names.slice(1, 5))
    expect(await listed({ from: segment(1, 1, 1), to: undefined })).toEqual(names.slice(3))
    expect(await listed({ from: segment(1, 0, 0), to: undefined, filesMax: 2 })).toEqual(names.slice(0, 2))
    expect(await listed({ from: segment(1, 1, 4), to: undefined })).toEqual([])
    expect(await listed(2)).toEqual(['00000002.history', segment(2, 1, 1)])
    expect(await listed(undefined)).toHaveLength(10)
  })

  test('names a file once that lies there sealed and open', async () => {
    await store(segment(1, 1, 1))
    await repository.storage.put(walKey('gathr', segment(1, 1, 1), '.zst'), bodyOf(Buffer.of(1)), signal)
    expect(await listed({ from: segment(1, 1, 1), to: segment(1, 1, 1) })).toEqual([segment(1, 1, 1)])
    expect(await shown(10)).toEqual({ names: [segment(1, 1, 1)], isWhole: true })
  })
})

describe('a survey', () => {
  const history = ['00000002.history', '00000010.history']
  const of = (timeline: number, count: number): readonly string[] =>
    Array.from({ length: count }, (_, i) => segment(timeline, 1, i))

  test('shows all files where there are few, by one list', async () => {
    const all = [...of(1, 3), '00000002.history', ...of(2, 3), '00000010.history', ...of(16, 3)]
    await store(...all)
    expect(await shown(100)).toEqual({ names: all, isWhole: true })
    expect(lists()).toBe(1)
  })

  test('shows every history file and segments of every timeline where there are many, by a list or two for each', async () => {
    await store(...of(1, 60), ...history, ...of(2, 60), ...of(16, 4), ...of(17, 1))
    const { names, isWhole } = await shown(5)
    expect(isWhole).toBe(false)
    for (const name of history) expect(names).toContain(name)
    for (const timeline of [1, 2, 16, 17]) expect(names).toContain(segment(timeline, 1, 0))
    expect(names.length).toBeLessThan(20)
    expect(lists()).toBeLessThanOrEqual(5)
  })

  test('shows a segment of a timeline whose history file is all that fits', async () => {
    await store(...history, ...of(2, 2), ...of(16, 2))
    expect((await shown(1)).names).toEqual(expect.arrayContaining([segment(2, 1, 0), segment(16, 1, 0)]))
  })

  test('of nothing is whole', async () => {
    expect(await shown(5)).toEqual({ names: [], isWhole: true })
  })
})
