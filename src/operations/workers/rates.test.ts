/** Limits of the rates across real threads: they share one measure, and hear of a change while they wait. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeTree } from '../../../test/support/tree.ts'
import { silentProgress } from '../../base/progress.ts'
import { openRates, type RateLimits } from '../../base/rates.ts'
import { MiB, second } from '../../base/units.ts'
import { systemWorld } from '../../base/world.ts'
import { mirrorFlags } from '../../storage/mirror.ts'
import { openStorage } from '../../storage/open.ts'
import { copyOut, type CopyOutRequest } from './copy-out/copy-out.ts'
import { WorkQueueBuilder } from './work-queue.ts'

const never = new AbortController().signal
const world = systemWorld()
const sizeBytes = 2 * MiB
const names = ['a', 'b', 'c', 'd']
let folder = ''
let runs = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-rates-'))
  makeTree(join(folder, 'source'), Object.fromEntries(names.map(name => [name, sizeBytes])))
  for (const place of ['one', 'two'])
    await (await openStorage({ url: `file://${join(folder, place)}`, make: true }, world)).close()
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

/** Four files of 2 MiB, by two threads, to one place or two; how long it took. */
async function copy(
  given: RateLimits,
  { places = ['one'], liftAfterMs }: { places?: readonly string[]; liftAfterMs?: number } = {},
): Promise<{ readonly tookMs: number; readonly storedBytes: number; readonly dropped: number }> {
  const rates = openRates(world.clock)
  rates.set(given)
  const queue = new WorkQueueBuilder()
  for (const name of names) queue.add('', name, sizeBytes)
  const members = places.map(name => ({ name, storage: { url: `file://${join(folder, name)}` } }))
  let dropped = 0
  const request: CopyOutRequest = {
    dataDirectory: join(folder, 'source'),
    storage: { url: `file://${join(folder, 'one')}` },
    mirror:
      members.length === 1
        ? undefined
        : { members, flags: mirrorFlags(members.length), onDropped: () => dropped++ },
    keyPrefix: `c/backups/${String(++runs)}/`,
    encoding: { level: 1, recipients: [] },
    pages: undefined,
    queue: queue.close(),
    entries: [],
    workers: 2,
  }
  const worker = new URL('../../worker.ts', import.meta.url)
  const startMs = world.clock.monotonicMs()
  const work = copyOut({ world, rates, progress: silentProgress, worker }, request, never)
  if (liftAfterMs !== undefined) {
    await world.clock.sleep(liftAfterMs, never)
    rates.set({})
  }
  const { packs } = await work
  const storedBytes = packs.reduce((sum, pack) => sum + pack.sizeBytes, 0)
  return { tookMs: world.clock.monotonicMs() - startMs, storedBytes, dropped }
}

test('two threads read no faster than one may', async () => {
  const { tookMs } = await copy({ read: 4 * MiB })
  expect(tookMs).toBeGreaterThan(((names.length * sizeBytes) / (4 * MiB)) * second - 200)
})

test('what is sent to two places counts twice, and neither is taken for slow', async () => {
  const { tookMs, storedBytes, dropped } = await copy({ network: 8 * MiB }, { places: ['one', 'two'] })
  expect(tookMs).toBeGreaterThan(((2 * storedBytes) / (8 * MiB)) * second - 200)
  expect(dropped).toBe(0)
})

test('threads that wait hear that they need not any more', async () => {
  const { tookMs } = await copy({ read: MiB }, { liftAfterMs: 2 * second })
  // At the limit it takes eight seconds.
  expect(tookMs).toBeLessThan(7 * second)
})
