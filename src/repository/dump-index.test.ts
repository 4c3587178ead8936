import { describe, expect, test } from 'vitest'
import { countRequests } from '../../test/fakes/counting-storage.ts'
import { labSignal as signal, openMemorySide, type MemorySide } from '../../test/fakes/copy-lab.ts'
import { putDump } from '../../test/fakes/stored-dumps.ts'
import { deleteFolder } from './backup-folders.ts'
import { readDumps, scanDumps } from './dump-catalog.ts'
import { indexDumpsDeleted, readDumpIndex, troublesOfDumpIndex } from './dump-index.ts'
import { dumpShelf } from './shelf.ts'

const idOf = (day: number): string => `202603${String(day).padStart(2, '0')}T030000Z-dump`
const days = Array.from({ length: 12 }, (_, i) => i + 1)

describe('the index of dumps', () => {
  test('makes listing them cost a handful of requests, and says what a look at everything says', async () => {
    const { repository, storage } = await scene()
    const counted = countRequests(storage)
    const listed = await readDumps({ ...repository, storage: counted.storage }, signal)
    expect(listed.dumps.map(({ id }) => id)).toEqual(days.map(idOf))
    expect(counted.requests).toMatchObject({ get: 1, list: 3, put: 0 })
    const scanned = await scanDumps(repository, signal)
    expect(listed.dumps).toEqual(
      scanned.dumps.map(
        ({ id, sizes, databases }) =>
          expect.objectContaining({
            id,
            sizes,
            databases: databases.map(({ name, shape }) => ({ name, shape })),
          }) as unknown,
      ),
    )
  })

  test('finds what was committed without it, what is unfinished, and not what was deleted', async () => {
    const { repository, storage } = await scene()
    const [first = '', second = ''] = days.map(idOf)
    await deleteFolder(repository, first, signal, dumpShelf)
    await indexDumpsDeleted(repository, [first], signal)
    // As a host leaves it that ends right after the commit.
    const before = await indexes(storage)
    await putDump({ repository, storage, ...bare }, idOf(20), { startedAt: '2026-03-20T03:00:00Z' })
    const later = (await indexes(storage)).filter(key => !before.includes(key))
    await storage.delete(later, signal)
    await storage.put(`gathr/dumps/${idOf(21)}/globals.sql.zst`, body('unfinished'), signal)
    const { dumps, incomplete } = await readDumps(repository, signal)
    expect(dumps.map(({ id }) => id)).toEqual([second, ...days.slice(2).map(idOf), idOf(20)])
    expect(incomplete).toEqual([idOf(21)])
  })

  test('that is damaged or lost costs time and nothing else, and is told by who looks', async () => {
    const { repository, storage } = await scene()
    const [newest = ''] = (await indexes(storage)).slice(-1)
    await storage.delete([newest], signal)
    await storage.put(newest, body('{}'), signal)
    expect((await readDumps(repository, signal)).dumps.map(({ id }) => id)).toEqual(days.map(idOf))
    expect((await troublesOfDumpIndex(repository, [], signal)).fault?.code).toBe('OBJECT_CORRUPT')
    await storage.delete(await indexes(storage), signal)
    expect((await readDumps(repository, signal)).dumps).toHaveLength(days.length)
    await putDump({ repository, storage, ...bare }, idOf(25))
    expect((await readDumpIndex(repository, signal)).index?.entries).toHaveLength(days.length + 1)
  })
})

const bare = { name: 'main', recipients: [], identities: [] }
const body = (text: string) => ({
  sizeBytes: text.length,
  async *open() {
    yield Buffer.from(text)
  },
})

async function indexes(storage: MemorySide['storage']): Promise<string[]> {
  return (await Array.fromAsync(storage.list('gathr/dump-catalog/', signal))).map(({ key }) => key)
}

async function scene(): Promise<MemorySide> {
  const side = await openMemorySide('main', undefined)
  for (const day of days)
    await putDump(side, idOf(day), { startedAt: `2026-03-${String(day).padStart(2, '0')}T03:00:00Z` })
  return side
}
