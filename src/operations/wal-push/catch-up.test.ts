import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeTargets, type FakeTargets } from '../../../test/fakes/push-targets.ts'
import { bringOwed, catchUp } from './catch-up.ts'
import { openOwedBook, readOwed, type OwedBook } from './owed.ts'
import { pushToAll } from './push-to-all.ts'
import { settlePush } from './settle-push.ts'

const signal = new AbortController().signal

/** All segments are in `main`, none in `second`, which is owed them. */
async function behind(fake: FakeTargets): Promise<OwedBook> {
  const book = openOwedBook(fake.walFolder, fake.world.clock)
  for (const name of fake.segments) {
    const request = { path: join(fake.walFolder, name), skip: ['second'] }
    await settlePush(book, fake.targets, await pushToAll({ ...fake, durableIn: 1 }, request, signal))
  }
  return book
}

const bring = (fake: FakeTargets, book: OwedBook): Promise<number | 'hung'> =>
  bringOwed({ world: fake.world, book, targets: fake.targets }, fake.walFolder, fake.targets[1]!, signal)

describe('catching up', () => {
  test('brings what is owed from pg_wal', async () => {
    using fake = await makeTargets(['main', 'second'], { segments: 12 })
    const book = await behind(fake)
    expect(await book.list(fake.targets[1]!)).toHaveLength(12)
    expect(await bring(fake, book)).toBe(0)
    expect(await fake.places['second']?.keys()).toEqual(await fake.places['main']?.keys())
    expect(await readOwed(fake.walFolder, fake.targets, fake.world.clock)).toEqual([])
  })

  test('brings what PostgreSQL has recycled from a repository that has it', async () => {
    using fake = await makeTargets(['main', 'second'], { segments: 3 })
    const book = await behind(fake)
    for (const name of fake.segments) rmSync(join(fake.walFolder, name))
    expect(await bring(fake, book)).toBe(0)
    expect(await fake.places['second']?.keys()).toEqual(await fake.places['main']?.keys())
  })

  test('a repository that is still away costs one try, and is left alone then', async () => {
    using fake = await makeTargets(['main', 'second'], { segments: 5 })
    const book = await behind(fake)
    fake.places['second']!.mood = 'dead'
    expect(await bring(fake, book)).toBe(5)
    expect(fake.places['second']?.tries).toBe(1)
    expect(await bring(fake, book)).toBe(5)
    expect(fake.places['second']?.tries).toBe(1)
  })

  test('what is nowhere any more is said, and stays owed', async () => {
    using fake = await makeTargets(['main', 'second'])
    const book = openOwedBook(fake.walFolder, fake.world.clock)
    await book.note(fake.targets[1]!, '0000000100000000000000FF')
    expect(await bring(fake, book)).toBe(1)
    expect(await readOwed(fake.walFolder, fake.targets, fake.world.clock)).toMatchObject([
      { repository: 'second', lastError: expect.stringMatching(/neither in pg_wal nor in another/) },
    ])
  })

  test('one that gives no answer is given up, for the next process to ask anew', async () => {
    using fake = await makeTargets(['main', 'second'], { segments: 3 })
    const book = await behind(fake)
    fake.places['second']!.mood = 'hung'
    const clock = { ...fake.world.clock, sleep: () => Promise.resolve() }
    const deps = { world: { ...fake.world, clock }, book, targets: fake.targets }
    await catchUp(deps, fake, () => false, signal)
    expect(await readOwed(fake.walFolder, fake.targets, clock)).toMatchObject([
      { files: 3, lastError: 'second gave no answer for 2m 00s' },
    ])
  })
})
