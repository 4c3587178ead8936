import { describe, expect, test } from 'vitest'
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { systemWorld } from '../base/world.ts'
import { parseConfig } from '../config/load.ts'
import type { CommandContext, OpenRepository } from './context.ts'
import { initRepository, openRepository } from '../repository/repository.ts'
import { openMemoryStorage } from '../storage/drivers/memory.ts'
import { bodyOf } from '../storage/storage.ts'
import { openSources, sourceNames } from './sources.ts'
import { openWalSource } from './wal-source.ts'

const world = systemWorld()
const signal = new AbortController().signal
const urls = { far: 's3://bucket/pg', near: 'file:///srv/one', second: 'file:///srv/two' }

const loaded = {
  path: '/etc/holdfast.yaml',
  config: parseConfig(
    [
      'cluster: lab',
      'postgres: { connection: "postgresql:///postgres" }',
      'repositories:',
      ...Object.entries(urls).map(([name, url]) => `  ${name}: { url: "${url}", encryption: none }`),
    ].join('\n'),
    '/etc/holdfast.yaml',
  ),
}

/** How each repository is when it is opened; those not named are whole, and of the same cluster. */
type Ways = Readonly<Record<string, 'hangs' | 'is gone' | 'is of another cluster'>>

async function contextOf(ways: Ways = {}): Promise<{
  readonly context: Pick<CommandContext, 'config' | 'openRepository' | 'world' | 'signal'>
  readonly opened: readonly string[]
}> {
  const opened: string[] = []
  const open = async (name = ''): Promise<OpenRepository> => {
    opened.push(name)
    const way = ways[name]
    if (way === 'hangs') return new Promise(() => undefined)
    if (way === 'is gone') throw new Fault('REPOSITORY_MISSING', `${name} is gone`, { hint: 'A test.' })
    const storage = openMemoryStorage(world.clock)
    const identity = {
      cluster: 'lab',
      systemIdentifier: way === 'is of another cluster' ? '2' : '1',
      postgresMajor: 17,
      walSegmentSizeBytes: 1 << 24,
    }
    await initRepository(storage, identity, world, signal)
    await storage.put('mark', bodyOf(Buffer.from(name)), signal)
    return {
      name,
      description: { url: name },
      storage,
      encoding: { level: 1, recipients: [] },
      identities: () => Promise.resolve([]),
      repository: await openRepository(storage, 'lab', signal),
    }
  }
  return {
    opened,
    context: { world, signal, config: () => Promise.resolve(loaded), openRepository: open },
  }
}

async function inLittleTime<T>(work: () => Promise<T>): Promise<T> {
  const { sourceSilenceMsMax, sourceHedgeMs } = limits
  Object.assign(limits, { sourceSilenceMsMax: 100, sourceHedgeMs: 10 })
  try {
    return await work()
  } finally {
    Object.assign(limits, { sourceSilenceMsMax, sourceHedgeMs })
  }
}

describe('the order in which repositories are read', () => {
  test('folders first, then object storage, each as they stand in the configuration', () => {
    expect(sourceNames(loaded, {})).toEqual(['near', 'second', 'far'])
  })

  test('the one that is named first of all, or alone', () => {
    expect(sourceNames(loaded, { repository: 'far' })).toEqual(['far', 'near', 'second'])
    expect(sourceNames(loaded, { repository: 'far', only: true })).toEqual(['far'])
    expect(sourceNames(loaded, { without: ['near'] })).toEqual(['second', 'far'])
  })

  test('names that are not there are refused', () => {
    expect(() => sourceNames(loaded, { without: ['none'] })).toThrow('no repository "none"')
    expect(() => sourceNames(loaded, { without: ['near', 'second', 'far'] })).toThrow('no repository is left')
  })
})

describe('opening several repositories', () => {
  test('passes over those that are gone or say nothing, with the reason', async () => {
    const { context } = await contextOf({ near: 'hangs', second: 'is gone' })
    const { open, closed } = await inLittleTime(() => openSources(context, {}, { keys: true }))
    expect(open.map(({ name }) => name)).toEqual(['far'])
    expect(closed.map(({ name, fault }) => [name, fault.code])).toEqual([
      ['near', 'STORAGE_UNAVAILABLE'],
      ['second', 'REPOSITORY_MISSING'],
    ])
  })

  test('fails when none can be opened, and says of each why', async () => {
    const { context } = await contextOf({ near: 'hangs', second: 'is gone', far: 'is gone' })
    const failure = inLittleTime(() => openSources(context, {}, { keys: true }))
    await expect(failure).rejects.toThrow(/near: .*no answer.*; second: second is gone; far: far is gone/)
  })

  test('passes over one that holds another cluster', async () => {
    const { context } = await contextOf({ far: 'is of another cluster' })
    const { open, closed } = await openSources(context, {}, { keys: true })
    expect(open.map(({ name }) => name)).toEqual(['near', 'second'])
    expect(closed[0]?.fault.code).toBe('CLUSTER_MISMATCH')
  })
})

describe('fetching WAL from several repositories', () => {
  const name = '000000010000000000000001'

  test('does not wait long for one that is dead', async () => {
    const { context } = await contextOf({ near: 'hangs' })
    await inLittleTime(async () => {
      const source = await openWalSource(context, {})
      expect(source.identity.systemIdentifier).toBe('1')
      // Nobody has it, but the dead one might.
      await expect(source.store.get(name, signal)).rejects.toThrow(/near: repository near gave no answer/)
    })
  })

  test('says that a file does not exist when all of them say so', async () => {
    const { context, opened } = await contextOf()
    const source = await openWalSource(context, {})
    expect(await source.store.get(name, signal)).toBeUndefined()
    expect(opened.toSorted()).toEqual(['far', 'near', 'second'])
  })
})
