import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RateLimits } from '../base/rates.ts'
import { MiB, hour } from '../base/units.ts'
import { simWorld } from '../base/world.ts'
import { readLimitsFile } from '../control/limits-file.ts'
import { limitsInForce } from '../policy/rate-limits.ts'
import { RateDesk } from './rate-desk.ts'

const never = new AbortController().signal
const quiet = { info() {}, warn() {} }
const { clock } = simWorld()
let folder = ''
let stated: RateLimits = {}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-rates-'))
  stated = { read: 100 * MiB }
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

async function openDesk(): Promise<RateDesk> {
  const desk = new RateDesk({ clock, log: quiet, folder, stated: () => stated })
  await desk.begin()
  return desk
}

/** As a process that the agent started sees it. */
async function seen(): Promise<RateLimits> {
  const file = await readLimitsFile(join(folder, 'limits.json'))
  if (!file) throw new Error('there is no file')
  return limitsInForce(file, clock.now())
}

test('what is asked for is seen by what runs, until its time is over', async () => {
  const desk = await openDesk()
  expect(await seen()).toEqual({ read: 100 * MiB })
  await desk.change({ read: null, network: 5 * MiB, forMs: hour })
  expect(await seen()).toEqual({ network: 5 * MiB })
  expect(desk.status().read).toEqual({
    bytesPerSecond: null,
    from: 'change',
    until: new Date(clock.now() + hour).toISOString(),
  })
  expect(statSync(desk.path).mode & 0o777).toBe(0o600)
  await clock.sleep(hour, never)
  expect(await seen()).toEqual({ read: 100 * MiB })
  expect(desk.status().network).toEqual({ bytesPerSecond: null, from: 'configuration', until: null })
})

test('it goes on under the next agent, and ends when the configuration is loaded again', async () => {
  await (await openDesk()).change({ read: 7 * MiB })
  const next = await openDesk()
  expect(await seen()).toEqual({ read: 7 * MiB })
  stated = { read: 50 * MiB }
  await next.reloaded()
  expect(await seen()).toEqual({ read: 50 * MiB })
})

test('two who ask at the same moment both get what they asked for', async () => {
  const desk = await openDesk()
  await Promise.all([desk.change({ read: 7 * MiB }), desk.change({ network: 9 * MiB })])
  expect(await seen()).toEqual({ read: 7 * MiB, network: 9 * MiB })
})

test('a damaged file keeps no agent from its work', async () => {
  writeFileSync(join(folder, 'limits.json'), '{"format":1')
  await openDesk()
  expect(await seen()).toEqual({ read: 100 * MiB })
})
