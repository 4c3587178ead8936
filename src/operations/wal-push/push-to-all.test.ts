import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { makeTargets } from '../../../test/fakes/push-targets.ts'
import { isFault, type FaultCode } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import { openCircuits, openOwedBook, readOwed } from './owed.ts'
import { pushToAll } from './push-to-all.ts'
import { settlePush } from './settle-push.ts'

const signal = new AbortController().signal
const fault = (code: FaultCode, text = /./) =>
  expect.toSatisfy((error: unknown) => isFault(error, code) && text.test(error.message) && error.hint !== '')

describe('a push to several repositories', () => {
  test('stores the file in all of them, the same bytes where the recipients are the same', async () => {
    using fake = await makeTargets(['main', 'second'])
    const pushed = await pushToAll({ ...fake, durableIn: 1 }, { path: fake.path, skip: [] }, signal)
    expect(pushed).toMatchObject({ result: 'stored', durable: ['main', 'second'], lacking: [] })
    const keys = await fake.places['main']?.keys()
    expect(keys).toHaveLength(1)
    expect(await fake.places['second']?.keys()).toEqual(keys)
    expect(await pushToAll({ ...fake, durableIn: 2 }, { path: fake.path, skip: [] }, signal)).toMatchObject({
      result: 'already',
    })
  })

  test('tells when nobody reads what was encoded any more: not before a slow one has ended', async () => {
    using fake = await makeTargets(['main', 'second'])
    const slow = Promise.withResolvers<undefined>()
    const second = fake.places['second']!.storage
    const put = second.put.bind(second)
    Object.assign(second, {
      put: async (...given: Parameters<typeof put>) => {
        await slow.promise
        return put(...given)
      },
    })
    const recycled = Promise.withResolvers<number>()
    let isRecycled = false
    const recycle = (encoded: readonly unknown[]): void => {
      isRecycled = true
      recycled.resolve(encoded.length)
    }
    const pushed = await pushToAll({ ...fake, durableIn: 1, recycle }, { path: fake.path, skip: [] }, signal)
    expect(pushed).toMatchObject({ durable: ['main'], lacking: [{ target: 'second' }] })
    expect(isRecycled).toBe(false)
    slow.resolve(undefined)
    expect(await recycled.promise).toBe(1)
  })

  test('with the identity of the server known, it is encoded before a repository answers; one of other sizes refuses it', async () => {
    using fake = await makeTargets(['main'])
    const identity = { systemIdentifier: '7481', walSegmentSizeBytes: 1 << 20 }
    const encoded = Promise.withResolvers<undefined>()
    const [main] = fake.targets
    const late = {
      ...main!,
      open: async (stop: AbortSignal) => {
        await encoded.promise
        return main!.open(stop)
      },
    }
    const encode: typeof fake.encode = async (file, stop) => {
      const files = await fake.encode(file, stop)
      encoded.resolve(undefined)
      return files
    }
    const deps = { ...fake, targets: [late], encode, durableIn: 1 }
    expect(await pushToAll({ ...deps, identity }, { path: fake.path, skip: [] }, signal)).toMatchObject({
      result: 'stored',
    })
    const other = {
      ...main!,
      open: async (stop: AbortSignal) => {
        const archive = await main!.open(stop)
        return { ...archive, identity: { ...archive.identity, walSegmentSizeBytes: 2 << 20 } }
      },
    }
    await expect(
      pushToAll({ ...deps, targets: [other], identity }, { path: fake.path, skip: [] }, signal),
    ).rejects.toEqual(fault('WAL_INVALID', /segments of this server have 1.0 MiB.*main have 2.0 MiB/))
  })

  test('seals for each set of recipients', async () => {
    const { recipient } = await generateIdentity()
    const encodings = { second: { level: 1, recipients: [recipient] } }
    using fake = await makeTargets(['main', 'second'], { encodings })
    await pushToAll({ ...fake, durableIn: 2 }, { path: fake.path, skip: [] }, signal)
    expect(await fake.places['main']?.keys()).toEqual([expect.stringMatching(/\.zst$/)])
    expect(await fake.places['second']?.keys()).toEqual([expect.stringMatching(/\.zst\.age$/)])
  })

  test.each(['dead', 'hung'] as const)(
    'a %s one does not hold up the other, and lacks the file',
    async mood => {
      using fake = await makeTargets(['main', 'second'])
      fake.places['main']!.mood = mood
      const startedMs = performance.now()
      const pushed = await pushToAll({ ...fake, durableIn: 1 }, { path: fake.path, skip: [] }, signal)
      expect(pushed).toMatchObject({ durable: ['second'], lacking: [{ target: 'main' }] })
      expect(pushed.lacking[0]?.fault?.code).toBe('STORAGE_UNAVAILABLE')
      expect(performance.now() - startedMs).toBeLessThan(limits.walPushWithoutSomeMsMax)
    },
  )

  test('fails when too few have it, and says which one said what', async () => {
    using fake = await makeTargets(['main', 'second', 'third'])
    fake.places['second']!.mood = 'dead'
    fake.places['third']!.mood = 'dead'
    const push = pushToAll({ ...fake, durableIn: 2 }, { path: fake.path, skip: [] }, signal)
    await expect(push).rejects.toEqual(
      fault('STORAGE_UNAVAILABLE', /durable in 1 of the 2 .*second: no route to it; third: no route/),
    )
  })

  test('leaves alone what is known to be away, unless too few are left', async () => {
    using fake = await makeTargets(['main', 'second'])
    const once = await pushToAll({ ...fake, durableIn: 1 }, { path: fake.path, skip: ['second'] }, signal)
    expect(once).toMatchObject({ durable: ['main'], lacking: [{ target: 'second', fault: undefined }] })
    expect(fake.places['second']?.tries).toBe(0)
    const both = await pushToAll({ ...fake, durableIn: 2 }, { path: fake.path, skip: ['second'] }, signal)
    expect(both.durable.toSorted()).toEqual(['main', 'second'])
  })

  test('tries what was known to be away when the others fail: it may be back', async () => {
    using fake = await makeTargets(['main', 'second'])
    fake.places['main']!.mood = 'dead'
    const request = { path: fake.path, skip: ['second'] }
    const pushed = await pushToAll({ ...fake, durableIn: 1 }, request, signal)
    expect(pushed).toMatchObject({ durable: ['second'], lacking: [{ target: 'main' }] })
  })

  test('fails when one of them holds other bytes under the name', async () => {
    using fake = await makeTargets(['main', 'second'])
    const good = readFileSync(fake.path)
    writeFileSync(fake.path, Buffer.from(good).fill(7, good.length - 100))
    const alone = { ...fake, targets: fake.targets.slice(1), durableIn: 1 }
    await pushToAll(alone, { path: fake.path, skip: [] }, signal)
    writeFileSync(fake.path, good)
    const push = pushToAll({ ...fake, durableIn: 1 }, { path: fake.path, skip: [] }, signal)
    await expect(push).rejects.toEqual(fault('OBJECT_CONFLICT'))
  })

  test('refuses a file that is not what its name says, wherever it would go', async () => {
    using fake = await makeTargets(['main', 'second'])
    writeFileSync(fake.path, 'no WAL')
    const push = pushToAll({ ...fake, durableIn: 1 }, { path: fake.path, skip: [] }, signal)
    await expect(push).rejects.toEqual(fault('WAL_INVALID'))
    expect(await fake.places['main']?.keys()).toEqual([])
  })
})

describe('what is owed', () => {
  test('is written down before the push is told to be done, and told by readOwed', async () => {
    using fake = await makeTargets(['main', 'second'])
    const { targets, walFolder, world } = fake
    const book = openOwedBook(walFolder, world.clock)
    fake.places['second']!.mood = 'dead'
    const pushed = await pushToAll({ ...fake, durableIn: 1 }, { path: fake.path, skip: [] }, signal)
    await settlePush(book, targets, pushed)
    expect(await readOwed(walFolder, targets, world.clock)).toMatchObject([
      {
        repository: 'second',
        files: 1,
        first: fake.segments[0],
        last: fake.segments[0],
        unreachableSince: expect.stringMatching(/^20/),
        lastError: 'no route to it',
      },
    ])
    expect(await openCircuits(book, targets, world.clock)).toEqual(['second'])
    expect([await book.takeWarning(targets[1]!), await book.takeWarning(targets[1]!)]).toEqual([true, false])
  })

  test('is settled by a push that reaches everybody', async () => {
    using fake = await makeTargets(['main', 'second'])
    const { targets, walFolder, world } = fake
    const book = openOwedBook(walFolder, world.clock)
    await book.note(targets[1]!, fake.segments[0]!)
    await settlePush(
      book,
      targets,
      await pushToAll({ ...fake, durableIn: 1 }, { path: fake.path, skip: [] }, signal),
    )
    expect(await readOwed(walFolder, targets, world.clock)).toEqual([])
  })
})
