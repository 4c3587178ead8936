import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { makeArchive, type FakeArchive } from '../../test/fakes/wal-archive.ts'
import { WalWriter } from '../../test/fakes/wal-writer.ts'
import { Fault, isFault, type FaultCode } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { simWorld, systemWorld } from '../base/world.ts'
import { generateIdentity } from '../pipeline/age.ts'
import { fetchAhead } from './wal-fetch-ahead.ts'
import { getWal, type WalGetDeps, type WalGetRequest } from './wal-get.ts'
import { openSpool } from './wal-spool.ts'

const signal = new AbortController().signal
const segmentSizeBytes = 1 << 20
const fault = (code: FaultCode, text = /./) =>
  expect.toSatisfy((error: unknown) => isFault(error, code) && text.test(error.message) && error.hint !== '')

/** An archive of some segments, and a folder that is a server's pg_wal. */
async function setUp(
  count = 1,
): Promise<FakeArchive & { names: readonly string[]; wal: string; segments: WalWriter['segments'] }> {
  const archive = await makeArchive()
  const writer = new WalWriter({ segmentSizeBytes })
  while (writer.segments.size < count) writer.filler(100_000)
  writer.switch()
  for (const [name, bytes] of writer.segments) await archive.push(name, bytes)
  const wal = join(archive.folder, 'pg_wal')
  mkdirSync(wal)
  return { ...archive, names: [...writer.segments.keys()], wal, segments: writer.segments }
}

function depsOf(archive: FakeArchive, more: Partial<WalGetDeps> = {}): WalGetDeps {
  return {
    world: systemWorld(),
    source: 'memory gathr',
    openSource: () => Promise.resolve({ identity: archive.identity, store: archive.store }),
    ...more,
  }
}

describe('wal get', () => {
  test('writes the segment under its destination and leaves nothing else', async () => {
    using archive = await setUp()
    const [name = ''] = archive.names
    const destination = join(archive.wal, 'RECOVERYXLOG')
    writeFileSync(destination, 'what was there before')
    expect(await getWal(depsOf(archive), { name, destination }, signal)).toBe('found')
    expect(readFileSync(destination)).toEqual(archive.segments.get(name))
    expect(readdirSync(archive.wal)).toEqual(['RECOVERYXLOG'])
  })

  test('says that a file is missing only when the storage says so', async () => {
    using archive = await setUp()
    const get = (name: string, deps = depsOf(archive)) =>
      getWal(deps, { name, destination: join(archive.wal, 'x') }, signal)
    expect(await get('000000010000000000000009')).toBe('missing')
    expect(await get('00000002.history')).toBe('missing')
    for (const code of ['STORAGE_UNAVAILABLE', 'STORAGE_DENIED', 'OBJECT_CORRUPT'] as const) {
      const trouble = (): never => {
        throw new Fault(code, 'no', { hint: 'No.' })
      }
      const failing = depsOf(archive, {
        openSource: () => Promise.resolve({ identity: archive.identity, store: { get: trouble } }),
      })
      await expect(get('000000010000000000000009', failing)).rejects.toEqual(fault(code))
      await expect(get('000000010000000000000009', depsOf(archive, { openSource: trouble }))).rejects.toEqual(
        fault(code),
      )
    }
    expect(readdirSync(archive.wal)).toEqual([])
  })

  test('what is cold need not be thawed when it lies beyond the plan; within it, recovery stops', async () => {
    using archive = await setUp()
    const cold = (): never => {
      throw new Fault('OBJECT_COLD', 'it is cold', { hint: 'Thaw it.' })
    }
    const deps = depsOf(archive, {
      openSource: () => Promise.resolve({ identity: archive.identity, store: { get: cold } }),
    })
    const get = (name: string, requireThrough?: string) =>
      getWal(deps, { name, requireThrough, destination: join(archive.wal, 'x') }, signal)
    expect(await get('000000010000000000000009', '000000010000000000000008')).toBe('missing')
    for (const through of ['000000010000000000000009', undefined])
      await expect(get('000000010000000000000009', through)).rejects.toEqual(fault('OBJECT_COLD'))
    await expect(get('00000002.history', '000000010000000000000008')).rejects.toEqual(fault('OBJECT_COLD'))
  })

  test('needs the key of what is encrypted, and the right one', async () => {
    const { identity, recipient } = await generateIdentity()
    using archive = await makeArchive({ recipients: [recipient] })
    const wal = new WalWriter({ segmentSizeBytes })
    wal.filler(10)
    const [[name, bytes] = ['', '']] = wal.segments
    await archive.push(name, bytes)
    const getWith = async (identities: readonly string[]) => {
      const store = await archive.open({ identities })
      const deps = depsOf(archive, {
        openSource: () => Promise.resolve({ identity: archive.identity, store }),
      })
      return getWal(deps, { name, destination: join(archive.folder, 'x') }, signal)
    }
    await expect(getWith([])).rejects.toEqual(fault('KEY_MISSING'))
    await expect(getWith([(await generateIdentity()).identity])).rejects.toEqual(fault('KEY_WRONG'))
    expect(existsSync(join(archive.folder, 'x'))).toBe(false)
    expect(await getWith([identity])).toBe('found')
  })

  test('a segment that the plan has proven present can not be missing', async () => {
    using archive = await setUp()
    const get = (name: string, requireThrough: string) =>
      getWal(depsOf(archive), { name, requireThrough, destination: join(archive.wal, 'x') }, signal)
    const [n5, n6] = ['000000010000000000000005', '000000010000000000000006']
    await expect(get(n5, n5)).rejects.toEqual(
      fault('OBJECT_MISSING', /it was there when this restore was planned/),
    )
    await expect(get(n5, n6)).rejects.toEqual(fault('OBJECT_MISSING'))
    await expect(get(n5, '000000020000000000000006')).rejects.toEqual(fault('OBJECT_MISSING'))
    expect(await get(n6, n5)).toBe('missing')
    expect(await get('000000020000000000000005', n6)).toBe('missing')
    expect(await get('00000002.history', n6)).toBe('missing')
  })

  test('takes the partial segment only when told to, and the whole one when it is there', async () => {
    using archive = await setUp()
    const [name = ''] = archive.names
    const wal = new WalWriter({ segmentSizeBytes, startLsn: 7n << 20n })
    wal.filler(10)
    const [[partialName, partial] = ['', Buffer.alloc(0)]] = wal.segments
    await archive.push(`${partialName}.partial`, partial)
    await archive.push(`${name}.partial`, archive.segments.get(name) ?? '')
    const destination = join(archive.wal, 'RECOVERYXLOG')
    const get = (request: Omit<WalGetRequest, 'destination'>) =>
      getWal(depsOf(archive), { ...request, destination }, signal)
    expect(await get({ name: partialName })).toBe('missing')
    expect(await get({ name: partialName, allowPartial: true })).toBe('found')
    expect(readFileSync(destination)).toEqual(partial)
    expect(await get({ name, allowPartial: true })).toBe('found')
    expect(readFileSync(destination)).toEqual(archive.segments.get(name))
    expect(await get({ name: '00000002.history', allowPartial: true })).toBe('missing')
  })

  test('says what is wrong with the destination', async () => {
    using archive = await setUp()
    const [name = ''] = archive.names
    const destination = join(archive.folder, 'nowhere', 'x')
    await expect(getWal(depsOf(archive), { name, destination }, signal)).rejects.toEqual(
      fault('TARGET_DIRECTORY', /ENOENT/),
    )
    await expect(getWal(depsOf(archive), { name: 'nonsense', destination }, signal)).rejects.toEqual(
      fault('USAGE'),
    )
  })
})

describe('fetching ahead', () => {
  /** Runs the helper in this process, as `wal get` would start it in another one. */
  function startable(archive: FakeArchive, world = systemWorld()) {
    const stop = new AbortController()
    const runs: Promise<unknown>[] = []
    const source = { identity: archive.identity, store: archive.store }
    return {
      runs,
      start: (folder: string) =>
        void runs.push(fetchAhead({ world, source }, folder, stop.signal).catch((error: unknown) => error)),
      async [Symbol.asyncDispose]() {
        stop.abort(new Error('the test is over'))
        await Promise.all(runs)
      },
    }
  }

  test('the next segments are handed over without the storage, once the first was asked for', async () => {
    using archive = await setUp(6)
    await using helper = startable(archive)
    const destination = join(archive.wal, 'RECOVERYXLOG')
    let opened = 0
    const deps = depsOf(archive, {
      startFetchAhead: helper.start,
      openSource: () =>
        Promise.resolve({ identity: archive.identity, store: archive.store }).finally(() => opened++),
    })
    const spool = openSpool(archive.wal, deps.source, deps.world)
    for (const [i, name] of archive.names.entries()) {
      expect(await getWal(deps, { name, destination }, signal)).toBe('found')
      expect(readFileSync(destination)).toEqual(archive.segments.get(name))
      const next = archive.names[i + 1]
      while (next !== undefined && !existsSync(join(spool.folder, next))) await delay(5)
    }
    expect(opened).toBe(1)
    expect(helper.runs).toHaveLength(1)
    expect(await getWal(deps, { name: '000000010000000000000077', destination }, signal)).toBe('missing')
  })

  test('is begun only for the file that PostgreSQL recovers with', async () => {
    using archive = await setUp(2)
    await using helper = startable(archive)
    const [name = ''] = archive.names
    const deps = depsOf(archive, { startFetchAhead: helper.start })
    await getWal(deps, { name, destination: join(archive.wal, name) }, signal)
    expect(readdirSync(archive.wal)).toEqual([name])
    expect(helper.runs).toEqual([])
  })

  test('one process fetches, and it ends by itself and leaves nothing behind', async () => {
    using archive = await setUp(2)
    // Behind the file system's time, which a new lock has until it is touched: so none looks dead as the hours fly by.
    const world = simWorld({ startMs: Date.now() - 7_200_000 })
    const source = { identity: archive.identity, store: archive.store }
    const spool = openSpool(archive.wal, 'memory gathr', world)
    await spool.keepFilling(archive.names[0] ?? '', () => undefined)
    const left = join(archive.wal, 'RECOVERYXLOG.holdfast-4711')
    writeFileSync(left, 'left by a killed wal get')
    utimesSync(left, world.clock.now() / 1000 - 3600, world.clock.now() / 1000 - 3600)
    await Promise.all([1, 2, 3].map(() => fetchAhead({ world, source }, spool.folder, signal)))
    expect(readdirSync(archive.wal)).toEqual([])
  })

  test('beyond the end of the archive next to nothing is asked for', async () => {
    using archive = await setUp(3)
    const world = simWorld({ startMs: Date.now() })
    const asked: string[] = []
    const store = {
      get: (name: string, stop: AbortSignal) => {
        asked.push(name)
        return archive.store.get(name, stop)
      },
    }
    const spool = openSpool(archive.wal, 'memory gathr', world)
    await spool.keepFilling(archive.names[0] ?? '', () => undefined)
    await fetchAhead({ world, source: { identity: archive.identity, store } }, spool.folder, signal)
    const missing = asked.filter(name => !archive.names.includes(name))
    expect(asked.length - missing.length).toBe(2)
    const looks = limits.walFetchAheadIdleMs / limits.walFetchAheadEndPauseMs
    expect(missing.length).toBeLessThanOrEqual(limits.walFetchAheadParallel + looks)
    // Those that are asked for together may be asked for in any order.
    const [end] = missing.toSorted()
    expect(missing.filter(name => name !== end).length).toBeLessThan(limits.walFetchAheadParallel)
  })

  test('a spool whose process is gone, or of another source, is not used and is removed', async () => {
    using archive = await setUp(2)
    const [first = '', second = ''] = archive.names
    const world = systemWorld()
    const foreign = openSpool(archive.wal, 'file:///other gathr', world).folder
    const own = openSpool(archive.wal, 'memory gathr', world).folder
    for (const folder of [foreign, own]) {
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, second), archive.segments.get(second) ?? '')
    }
    await using helper = startable(archive)
    const deps = depsOf(archive, { startFetchAhead: helper.start })
    await getWal(deps, { name: first, destination: join(archive.wal, 'RECOVERYXLOG') }, signal)
    expect(existsSync(foreign)).toBe(false)
    expect(helper.runs).toHaveLength(1)
  })

  test('a segment in the spool that is not what its name says is passed over', async () => {
    using archive = await setUp(3)
    const [first = '', second = '', third = ''] = archive.names
    await using helper = startable(archive)
    const destination = join(archive.wal, 'RECOVERYXLOG')
    const deps = depsOf(archive, { startFetchAhead: helper.start })
    await getWal(deps, { name: first, destination }, signal)
    const { folder } = openSpool(archive.wal, deps.source, deps.world)
    while (!existsSync(join(folder, third))) await delay(5)
    writeFileSync(join(folder, second), archive.segments.get(third) ?? '')
    expect(await getWal(deps, { name: second, destination }, signal)).toBe('found')
    expect(readFileSync(destination)).toEqual(archive.segments.get(second))
  })

  test('trouble with the storage ends the process quietly, and wal get meets it itself', async () => {
    using archive = await setUp(2)
    const [first = ''] = archive.names
    const world = systemWorld()
    const trouble = new Fault('STORAGE_UNAVAILABLE', 'gone', { hint: 'Wait.' })
    const source = { identity: archive.identity, store: { get: () => Promise.reject(trouble) } }
    const spool = openSpool(archive.wal, 'memory gathr', world)
    await spool.keepFilling(first, () => undefined)
    await expect(fetchAhead({ world, source }, spool.folder, signal)).rejects.toBe(trouble)
    expect(readdirSync(archive.wal)).toEqual([])
    rmSync(archive.wal, { recursive: true })
  })
})
