/** What becomes of a managed server's snapshot when something fails after it was made. */
import { expect, test } from 'vitest'
import { silentLog } from '../../base/log.ts'
import { silentProgress } from '../../base/progress.ts'
import { Fault } from '../../base/fault.ts'
import { simWorld, systemWorld, type World } from '../../base/world.ts'
import { initRepository, openRepository, type Repository } from '../../repository/repository.ts'
import { readAllManaged, readManaged } from '../../repository/managed-records.ts'
import type { ManagedServer } from '../../snapshots/managed/server.ts'
import { openMemoryStorage } from '../../storage/drivers/memory.ts'
import { takeManaged, type ManagedDeps } from './take.ts'

const signal = new AbortController().signal
const request = { cluster: 'gathr', label: 'nightly', timeLimitMs: 60_000 }

async function repository(): Promise<Repository> {
  const storage = openMemoryStorage(simWorld().clock)
  const identity = {
    cluster: 'gathr',
    systemIdentifier: '7481234567890123456',
    postgresMajor: 17,
    walSegmentSizeBytes: 16_777_216,
  }
  await initRepository(storage, identity, simWorld(), signal)
  return openRepository(storage, 'gathr', signal)
}

/** Waits for the vendor are short; the lease is held for as long as it says. */
const { randomBytes, clock } = systemWorld()
const world: World = {
  randomBytes,
  clock: { ...clock, sleep: (ms, stop) => clock.sleep(ms < 10_000 ? 1 : ms, stop) },
}

const depsFor = (place: Repository, server: ManagedServer): ManagedDeps => ({
  world,
  progress: silentProgress,
  log: silentLog,
  server,
  members: [{ name: 'main', repository: place, storage: { url: 'memory:main' } }],
  otherWitnesses: [],
})

/** Ready when it was looked at three times. */
function serverWith(more: Partial<ManagedServer> = {}): ManagedServer & { readonly there: Set<string> } {
  const there = new Set<string>()
  let looks = 0
  return {
    there,
    name: 'aws-rds',
    instance: 'db',
    copyTarget: 'eu-west-1',
    create({ id }) {
      there.add(`eu-central-1/${id}`)
      return Promise.resolve({
        reference: `eu-central-1/${id}`,
        engine: 'postgres',
        engineVersion: '17.5',
        sizeBytes: 100,
        details: { region: 'eu-central-1' },
      })
    },
    list: () => Promise.resolve({ found: [], closed: [] }),
    describe: () => Promise.resolve({ state: ++looks < 3 ? 'pending' : 'ready' }),
    copy({ id }, _snapshot, region) {
      there.add(`${region}/${id}`)
      return Promise.resolve(`${region}/${id}`)
    },
    restore: () => Promise.reject(new Error('not asked for')),
    remove(reference) {
      there.delete(reference)
      return Promise.resolve()
    },
    close: () => Promise.resolve(),
    ...more,
  }
}

test('a snapshot that is ready is recorded, with its copy', async () => {
  const place = await repository()
  const { record, whole } = await takeManaged(depsFor(place, serverWith()), request, signal)
  expect(whole).toEqual(['main'])
  expect(record).toMatchObject({
    id: expect.stringMatching(/^\d{8}T\d{6}Z-managed$/),
    kind: 'managed',
    provider: 'aws-rds',
    engineVersion: '17.5',
    copy: { region: 'eu-west-1', reference: `eu-west-1/${record.id}` },
  })
  expect(await readManaged(place, record.id, signal)).toEqual(record)
  expect(await readAllManaged(place, signal)).toEqual({ records: [record], damaged: [] })
})

test('what does not become a record is removed again', async () => {
  const place = await repository()
  const failure = new Fault('CLOUD_QUOTA', 'no more copies', { hint: 'Wait.' })
  const server = serverWith({ copy: () => Promise.reject(failure) })
  await expect(takeManaged(depsFor(place, server), request, signal)).rejects.toBe(failure)
  expect(server.there.size).toBe(0)
  expect((await readAllManaged(place, signal)).records).toEqual([])
})

test('an entry that arrived although its answer was lost keeps its snapshot', async () => {
  const place = await repository()
  const server = serverWith()
  const lossy: Repository = {
    ...place,
    storage: {
      ...place.storage,
      async put(...args) {
        const done = await place.storage.put(...args)
        if (args[0].includes('/managed/'))
          throw new Fault('STORAGE_UNAVAILABLE', 'the answer was lost', { hint: '' })
        return done
      },
    },
  }
  await expect(takeManaged(depsFor(lossy, server), request, signal)).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
  })
  expect(server.there.size).toBe(2)
})

test('what a killed run left is removed by the next one; what a clone of the server made is not', async () => {
  const place = await repository()
  const found = [
    { id: '20260228T020000Z-managed', repository: place.id.slice(0, 12), reference: 'eu-central-1/left' },
    { id: '20260228T030000Z-managed', repository: '0123456789ab', reference: 'eu-central-1/of-the-clone' },
    { id: '20260228T040000Z-managed', repository: undefined, reference: 'eu-central-1/of-nobody' },
  ].map(one => ({ ...one, volume: 'db', state: { state: 'ready' as const } }))
  const server = serverWith({ list: () => Promise.resolve({ found, closed: [] }) })
  for (const { reference } of found) server.there.add(reference)
  const { record } = await takeManaged(depsFor(place, server), request, signal)
  expect([...server.there].toSorted()).toEqual(
    [
      'eu-central-1/of-nobody',
      'eu-central-1/of-the-clone',
      record.reference,
      record.copy?.reference ?? '',
    ].toSorted(),
  )
})
