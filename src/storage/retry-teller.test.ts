import { expect, test } from 'vitest'
import { simWorld } from '../base/world.ts'
import { retryTeller } from './retry-teller.ts'

const { signal } = new AbortController()
const failed = { repository: 'main', message: 's3://b: reading k: refused', triesMax: 7 }

test('a request that is soon made again is not told of; one that takes longer is, with its reason', () => {
  const lines: string[] = []
  const tell = retryTeller(line => lines.push(line), simWorld().clock)
  tell({ ...failed, tries: 1, waitedMs: 200 })
  tell({ ...failed, tries: 3, waitedMs: 1_100 })
  expect(lines).toEqual(['repository main: s3://b: reading k: refused; trying again (4 of 7)'])
})

test('many requests that fail together are one line for each further try', () => {
  const lines: string[] = []
  const tell = retryTeller(line => lines.push(line), simWorld().clock)
  for (const tries of [3, 3, 3, 4, 3, 4]) tell({ ...failed, tries, waitedMs: 2_000 })
  tell({ ...failed, repository: 'second', tries: 3, waitedMs: 2_000 })
  expect(lines.map(line => line.replace(/: .*;/, ':'))).toEqual([
    'repository main: trying again (4 of 7)',
    'repository main: trying again (5 of 7)',
    'repository second: trying again (4 of 7)',
  ])
})

test('a storage that fails again later is told of again', async () => {
  const lines: string[] = []
  const { clock } = simWorld()
  const tell = retryTeller(line => lines.push(line), clock)
  tell({ ...failed, tries: 5, waitedMs: 5_000 })
  await clock.sleep(60_000, signal)
  tell({ ...failed, tries: 3, waitedMs: 1_500 })
  expect(lines).toHaveLength(2)
})
