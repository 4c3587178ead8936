/** Repositories in memory that WAL is pushed to, each with its own way of failing, and a pg_wal with one segment. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../../src/base/fault.ts'
import { systemWorld, type World } from '../../src/base/world.ts'
import { encodeHere, type EncodeWal } from '../../src/operations/wal-push/encode-wal.ts'
import { openTargets, type OpenTarget } from '../../src/operations/wal-push/target.ts'
import type { Encoding } from '../../src/pipeline/codec.ts'
import { initRepository } from '../../src/repository/repository.ts'
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { WalWriter } from './wal-writer.ts'

/** `dead`: every call fails; `hung`: writing never answers. */
export type Mood = 'well' | 'dead' | 'hung'

export interface FakeTarget {
  mood: Mood
  readonly storage: Storage
  /** How often somebody tried to write or to open it. */
  tries: number
  keys(): Promise<readonly string[]>
}

export interface FakeTargets extends Disposable {
  readonly world: World
  readonly encode: EncodeWal
  readonly targets: readonly OpenTarget[]
  readonly places: Readonly<Record<string, FakeTarget>>
  readonly walFolder: string
  readonly segments: readonly string[]
  readonly path: string
}

const signal = new AbortController().signal
const never = new Promise<never>(() => undefined)

export async function makeTargets(
  names: readonly string[],
  {
    encodings = {},
    segments = 1,
  }: { encodings?: Readonly<Record<string, Encoding>>; segments?: number } = {},
): Promise<FakeTargets> {
  const world = systemWorld()
  const places = Object.fromEntries(
    await Promise.all(names.map(async name => [name, await makePlace(world)])),
  )
  const opened = openTargets(
    names.map(name => ({
      name,
      storage: { url: `memory://${name}` },
      encoding: encodings[name] ?? { level: 1, recipients: [] },
    })),
    {
      cluster: 'lab',
      world,
      openStorage: ({ url }) => {
        const place = (places as Record<string, FakeTarget>)[url.slice('memory://'.length)]!
        if (place.mood !== 'dead') return Promise.resolve(place.storage)
        place.tries++
        return Promise.reject(unavailable())
      },
    },
  )
  const walFolder = join(mkdtempSync(join(tmpdir(), 'hf-targets-')), 'pg_wal')
  mkdirSync(join(walFolder, 'archive_status'), { recursive: true })
  const written = writeSegments(walFolder, segments)
  return {
    world,
    encode: encodeHere,
    targets: opened.all,
    places: places as Record<string, FakeTarget>,
    walFolder,
    segments: written,
    path: join(walFolder, written[0] ?? ''),
    [Symbol.dispose]: () => rmSync(join(walFolder, '..'), { recursive: true }),
  }
}

async function makePlace(world: World): Promise<FakeTarget> {
  const inner = openMemoryStorage(world.clock)
  const identity = {
    cluster: 'lab',
    systemIdentifier: '7481',
    postgresMajor: 15,
    walSegmentSizeBytes: 1 << 20,
  }
  await initRepository(inner, identity, world, signal)
  const place: FakeTarget = {
    mood: 'well',
    tries: 0,
    storage: {
      ...inner,
      put: (key, body, stop) => {
        place.tries++
        if (place.mood === 'hung') return never
        return place.mood === 'dead' ? Promise.reject(unavailable()) : inner.put(key, body, stop)
      },
    },
    keys: async () =>
      (await Array.fromAsync(inner.list('lab/wal/', signal))).map(({ key }) => key.split('/').at(-1) ?? ''),
  }
  return place
}

function writeSegments(folder: string, count: number): readonly string[] {
  const wal = new WalWriter({ segmentSizeBytes: 1 << 20 })
  while (wal.segments.size <= count) wal.filler(300_000)
  const all = [...wal.segments].slice(0, count)
  for (const [name, bytes] of all) {
    writeFileSync(join(folder, name), bytes)
    writeFileSync(join(folder, 'archive_status', `${name}.ready`), '')
  }
  return all.map(([name]) => name)
}

const unavailable = (): Fault => new Fault('STORAGE_UNAVAILABLE', 'no route to it', { hint: 'Wait.' })
