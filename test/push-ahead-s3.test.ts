/** Pushing ahead, and to two regions at once, with real object storage. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { openBucketLab, type BucketLab } from './support/bucket-lab.ts'
import { launcher } from './support/holdfast.ts'
import { until } from './support/until.ts'

let bench: BucketLab

beforeAll(async () => {
  bench = await openBucketLab({
    major: 18,
    walSegmentSizeMb: 1,
    settings: { wal_keep_size: '256MB' },
    regions: ['main', 'second'],
    config: { write: 'all' },
  })
})

afterAll(() => bench[Symbol.asyncDispose]())

const walFolder = (): string => join(bench.lab.server.dataDirectory, 'pg_wal')
const ready = (): readonly string[] =>
  readdirSync(join(walFolder(), 'archive_status')).filter(name => name.endsWith('.ready'))

async function archiveBy(command: string): Promise<void> {
  bench.lab.server.configure({ archive_command: command })
  await bench.lab.server.query('SELECT pg_reload_conf()')
}

async function makeSegments(count: number): Promise<readonly string[]> {
  const names: string[] = []
  for (let i = 0; i < count; i++) {
    await bench.lab.server.query("SELECT pg_logical_emit_message(true, 'test', repeat('x', 1000))")
    names.push(await bench.lab.server.value('SELECT pg_walfile_name(pg_switch_wal())'))
  }
  return names
}

test('what waited after an outage is pushed ahead to both regions, and each is asked only once for it', async () => {
  await archiveBy('/bin/false')
  const names = await makeSegments(12)
  for (const { proxy } of Object.values(bench.regions)) proxy.forget()
  await archiveBy(`${launcher()} --config ${bench.lab.configPath} wal push %p`)
  await until('somebody pushes ahead', () => existsSync(join(walFolder(), 'holdfast-pushed')), { everyMs: 1 })
  await until('all is archived', () => ready().length === 0)
  await until('the pushing process has ended', () => !existsSync(join(walFolder(), 'holdfast-pushed')))
  for (const region of Object.values(bench.regions)) {
    const there = (await region.keys()).join(' ')
    for (const name of names) {
      expect(there).toContain(name)
      const puts = region.proxy.requests.filter(({ kind, key }) => kind === 'put' && key.includes(name))
      expect(puts.length, name).toBeLessThanOrEqual(2)
    }
  }
  expect(existsSync(join(walFolder(), 'holdfast-owed'))).toBe(false)
})

test('a region that takes everything and never answers holds up neither archiving nor a backup for long', async () => {
  const second = bench.regions['second']
  if (!second) throw new Error('there is a second region')
  second.proxy.on({ kind: 'put' }, { kind: 'silence' })
  const [name = ''] = await makeSegments(1)
  await until('it is archived', () => ready().length === 0)
  expect((await bench.main.keys()).join(' ')).toContain(name)
  expect((await second.keys()).join(' ')).not.toContain(name)
  await second.proxy.heal()
  await until(
    'it has caught up',
    async () => {
      await makeSegments(1)
      return (await second.keys()).join(' ').includes(name)
    },
    { everyMs: 500 },
  )
})

test('a backup is the same in both regions', async () => {
  const { id, repositories } = await bench.lab.json<BackupRecord & { repositories: unknown }>(['backup'])
  expect(repositories).toEqual([
    { name: 'main', state: 'whole' },
    { name: 'second', state: 'whole' },
  ])
  await bench.lab.ok(['verify', id, '--repository', 'second'])
})
