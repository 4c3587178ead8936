/** One worker that copies in, from several repositories that fail in every way, in this process. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makePack, never, type MadePack } from '../../../../test/support/pack-lab.ts'
import { Fault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import { systemWorld } from '../../../base/world.ts'
import { generateIdentity } from '../../../pipeline/age.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import type { Storage } from '../../../storage/storage.ts'
import type { Trouble } from '../../sources/trouble.ts'
import type { CopyInReport, CopyInSetup, FromWorker } from '../messages.ts'
import type { Task } from '../run-worker.ts'
import { runCopyIn } from './copy-in-worker.ts'

const MiB = 1024 * 1024
const world = systemWorld()
let identity = ''
let pack: MadePack
let target = ''

beforeAll(async () => {
  const keys = await generateIdentity()
  identity = keys.identity
  // Incompressible enough for every file to have frames of its own.
  pack = await makePack([MiB, 10, 3 * MiB, 0, 2 * MiB, 700_000, 4 * MiB], [keys.recipient])
})

beforeEach(() => {
  target = mkdtempSync(join(tmpdir(), 'holdfast-copy-in-'))
  mkdirSync(join(target, 'base'))
})

afterEach(() => {
  rmSync(target, { recursive: true })
})

interface Outcome {
  readonly report: CopyInReport | undefined
  readonly troubles: readonly Trouble[]
  /** By repository: how many requests were made. */
  readonly requests: readonly number[]
}

/** Gives the worker these tasks, and the storages as its repositories `a`, `b`, …. */
async function copyIn(
  storages: readonly Storage[],
  tasks: readonly (readonly ManifestFile[])[] = [pack.files],
): Promise<Outcome> {
  const names = storages.map((_, i) => String.fromCharCode(97 + i))
  const requests = storages.map(() => 0)
  const counted = storages.map((storage, i): Storage => ({
    ...storage,
    get: (...args) => {
      requests[i] = (requests[i] ?? 0) + 1
      return storage.get(...args)
    },
  }))
  const setup: CopyInSetup = {
    job: 'copy-in',
    backup: 'b',
    places: names.map(name => ({
      repository: name,
      storage: { url: name },
      keyPrefix: 'c/backups/b/',
      identities: [identity],
    })),
    readAhead: { partSizeBytesMax: MiB, partsMax: 3, sizeBytesMax: 3 * MiB },
    targetDirectory: target,
    owner: undefined,
    delta: false,
  }
  const { sizeBytes, sha256 } = pack.summary
  const object = { number: 1, name: 'data/00001.tar.zst', sizeBytes, sha256 }
  const left: Task[] = tasks.map(files => ({
    kind: 'copy-in',
    pack: { number: 1, objects: names.map(() => object) },
    files,
  }))
  const told: FromWorker[] = []
  await runCopyIn(
    setup,
    {
      world,
      open: ({ url }) => Promise.resolve(counted[names.indexOf(url)] ?? pack.storage),
      post: message => told.push(message),
      poll: () => undefined,
      nextTask: () => Promise.resolve(left.shift()),
    },
    never,
  )
  return {
    report: told.flatMap(message => (message.kind === 'copied-in' ? [message.report] : []))[0],
    troubles: told.flatMap(message => (message.kind === 'passed-over' ? [message.trouble] : [])),
    requests,
  }
}

function expectAllRight(): void {
  for (const [path, bytes] of pack.contents)
    expect(Buffer.compare(readFileSync(join(target, path)), bytes), path).toBe(0)
}

/** The object with one bit changed at this part of its length. */
function damagedAt(share: number): Storage {
  const at = Math.floor(pack.summary.sizeBytes * share)
  return {
    ...pack.storage,
    async *get(key, range, signal) {
      let offset = range?.startBytes ?? 0
      for await (const piece of pack.storage.get(key, range, signal)) {
        const copy = Uint8Array.from(piece)
        if (at >= offset && at < offset + copy.length) copy[at - offset] = (copy[at - offset] ?? 0) ^ 1
        offset += copy.length
        yield copy
      }
    },
  }
}

/** Fails, or hangs, from the given request on. */
function failingFrom(request: number, code: 'STORAGE_UNAVAILABLE' | 'OBJECT_MISSING' | 'hang'): Storage {
  let count = 0
  return {
    ...pack.storage,
    async *get(key, range, signal) {
      if (++count < request) return yield* pack.storage.get(key, range, signal)
      if (code === 'hang') await new Promise(() => undefined)
      else throw new Fault(code, `${key} failed`, { hint: 'A test.' })
    },
  }
}

const brief = (troubles: readonly Trouble[]): string[] =>
  troubles.map(
    ({ repository, path, code, instead }) => `${repository} ${String(path)} ${code} → ${String(instead)}`,
  )

/** What is asked for at about the same time is answered at the same time: a round trip, however busy the machine is. */
function farAway(): { readonly storage: Storage; readonly roundTrips: () => number } {
  let roundTrips = 0
  let underWay: Promise<void> | undefined
  const storage: Storage = {
    ...pack.storage,
    async *get(key, range, signal) {
      underWay ??= world.clock.sleep(200, signal).finally(() => {
        roundTrips++
        underWay = undefined
      })
      await underWay
      yield* pack.storage.get(key, range, signal)
    },
  }
  return { storage, roundTrips: () => roundTrips }
}

describe('a worker that reads from far away', () => {
  test('waits for few round trips, however many requests it makes', async () => {
    const far = farAway()
    const { requests } = await copyIn(
      [far.storage],
      pack.files.map(file => [file]),
    )
    expectAllRight()
    expect(requests[0]).toBeGreaterThanOrEqual(14)
    // One by one they would wait for all of them.
    expect(far.roundTrips()).toBeLessThan(8)
  })
})

describe('a worker that reads from several repositories', () => {
  test('asks only the first as long as it gives everything', async () => {
    const { report, troubles, requests } = await copyIn([pack.storage, pack.storage])
    expectAllRight()
    expect(report).toMatchObject({ files: 7, bytes: 10 * MiB + 700_010 })
    expect(troubles).toEqual([])
    expect(requests[1]).toBe(0)
  })

  test.each([0.2, 0.5, 0.9])(
    'takes what is damaged at %d of a pack from the next, and tells it',
    async share => {
      const { report, troubles } = await copyIn([damagedAt(share), pack.storage])
      expectAllRight()
      expect(report).toMatchObject({ files: 7, bytes: 10 * MiB + 700_010 })
      expect(troubles).toHaveLength(1)
      expect(troubles[0]).toMatchObject({
        repository: 'a',
        object: 'c/backups/b/data/00001.tar.zst',
        code: 'OBJECT_CORRUPT',
        instead: 'b',
      })
    },
  )

  test('puts a whole backup together from copies that are damaged in different places', async () => {
    const { troubles } = await copyIn([damagedAt(0.3), damagedAt(0.8)])
    expectAllRight()
    expect(troubles.map(({ repository }) => repository)).toEqual(['a', 'b'])
  })

  test('fails when all copies are damaged at the same place, and says so for each of them', async () => {
    const failure = copyIn([damagedAt(0.5), damagedAt(0.5)])
    await expect(failure).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
    await expect(failure).rejects.toThrow(/no repository could give .*file base\/f\d; a: .*; b: /)
  })

  test('goes on in the next when a pack is missing, or can not be opened', async () => {
    expect(brief((await copyIn([failingFrom(1, 'OBJECT_MISSING'), pack.storage])).troubles)).toEqual([
      'a base/f0 OBJECT_MISSING → b',
    ])
    expectAllRight()
    expect((await copyIn([damagedAt(0.999_999), pack.storage])).troubles).toHaveLength(1)
    expectAllRight()
  })

  test('goes on in the next when the first breaks off in the middle, and does not ask it again', async () => {
    const tasks = pack.files.map(file => [file])
    const { troubles, requests } = await copyIn([failingFrom(6, 'STORAGE_UNAVAILABLE'), pack.storage], tasks)
    expectAllRight()
    expect(troubles.length).toBeGreaterThan(0)
    expect(new Set(troubles.map(({ code }) => code))).toEqual(new Set(['STORAGE_UNAVAILABLE']))
    // What was under way already when it failed, and no more.
    expect(requests[0]).toBeLessThan(12)
  })

  test('goes on in the next when the first says nothing any more', async () => {
    const limit = limits.sourceSilenceMsMax
    Object.assign(limits, { sourceSilenceMsMax: 200 })
    try {
      const { troubles } = await copyIn([failingFrom(4, 'hang'), pack.storage])
      expectAllRight()
      expect(troubles[0]).toMatchObject({ repository: 'a', code: 'STORAGE_UNAVAILABLE' })
    } finally {
      Object.assign(limits, { sourceSilenceMsMax: limit })
    }
  })

  test('with one repository, says what is wrong with it as it is', async () => {
    await expect(copyIn([damagedAt(0.5)])).rejects.toThrow(/^backup b, data\/00001.tar.zst, file base\/f\d: /)
    await expect(copyIn([failingFrom(1, 'STORAGE_UNAVAILABLE')])).rejects.toThrow('failed')
  })
})
