/** The examples, as a new user takes them up: they are valid, and gathr.yaml states all that a strategy has. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { main } from '../src/compose.ts'
import { parseConfig } from '../src/config/load.ts'
import { day, hour } from '../src/base/units.ts'
import { keptTerminal } from './fakes/terminal.ts'

const folder = fileURLToPath(new URL('../examples/', import.meta.url))
const examples = readdirSync(folder).filter(name => name.endsWith('.yaml'))
const { signal } = new AbortController()

let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'hf-examples-'))
})
afterAll(() => {
  rmSync(home, { recursive: true })
})

async function holdfast(example: string, ...words: readonly string[]) {
  const terminal = { ...keptTerminal(), environment: { HOME: home, XDG_STATE_HOME: home } }
  const status = await main(['--config', join(folder, example), ...words], terminal, signal)
  return { status, out: terminal.out.text(), err: terminal.err.text() }
}

test.each(examples)('%s can be carried out by an agent', async example => {
  expect(await holdfast(example, 'agent', '--check')).toMatchObject({ status: 0, err: '' })
})

describe('gathr.yaml', () => {
  const config = parseConfig(readFileSync(join(folder, 'gathr.yaml'), 'utf8'), 'gathr.yaml')

  test('states what is kept, and for how long', () => {
    expect(config.retention).toMatchObject({
      dumps: { within: 30 * day },
      snapshots: { weekly: 4 },
      drills: { within: 730 * day },
      wal: 7 * day,
    })
    expect(config.archives['monthly']).toMatchObject({ of: 'backups', keep: { years: 1 } })
    expect(config.repositories['second']?.copyOf).toBe('main')
  })

  test('states what is promised, how it is proven, and who hears of it', async () => {
    expect(config.objectives).toEqual({ rpo: 1 * hour, rto: 4 * hour })
    const { out } = await holdfast('gathr.yaml', 'agent', '--check', '--json')
    const jobs = JSON.parse(out) as readonly { readonly name: string; readonly at: string }[]
    expect(Object.fromEntries(jobs.map(({ name, at }) => [name, at]))).toMatchObject({
      backup: 'daily at 01:00',
      dump: 'daily at 02:00',
      drill: 'first monday of the month at 04:00',
      expire: 'daily at 06:00',
    })
    const kinds = Object.values(config.alerts?.sinks ?? {}).map(sink => Object.keys(sink)[0])
    expect(kinds).toEqual(expect.arrayContaining(['email', 'slack', 'ping']))
    expect(config.metrics.cloudwatch?.namespace).toBe('Gathr/Backups')
  })

  test('says what is done around restores, and that nothing is done without its entry in the trail', () => {
    const { before, after, failed } = config.hooks
    // Whoever goes into maintenance comes out of it, however it ended.
    for (const operation of ['restore-table', 'restore-dump'])
      expect([before[operation], after[operation], failed[operation]].map(hooks => hooks?.length)).toEqual([
        1, 1, 1,
      ])
    expect(config.audit).toEqual({ directory: '/var/log/holdfast/gathr', required: true })
  })
})
