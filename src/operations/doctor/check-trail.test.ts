import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { appendEvents } from '../../audit/journal.ts'
import { systemWorld } from '../../base/world.ts'
import { checkTrail } from './check-trail.ts'

const { signal } = new AbortController()
const who = { user: 'postgres', uid: 101, host: 'db1', pid: 7, by: 'hand', terminal: true }

let root: string
let folder: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-check-trail-'))
  folder = join(root, 'state', 'audit')
})
afterEach(() => {
  rmSync(root, { recursive: true })
})

async function enter(about: string): Promise<void> {
  const at = '2026-03-01T00:00:00.000Z'
  const note = { event: 'note', at, operation: 'a', who, about, facts: {} } as const
  await appendEvents(folder, [note], { world: systemWorld(), who, tool: 'test' }, signal)
}

const change = (how: (text: string) => string): void => {
  const path = join(folder, readdirSync(folder)[0] ?? '')
  writeFileSync(path, how(readFileSync(path, 'utf8')))
}

test('a trail that is whole, or can be begun, is well', async () => {
  expect(await checkTrail(folder, signal)).toMatchObject([{ area: 'audit', state: 'ok' }])
  await enter('one')
  const [finding] = await checkTrail(folder, signal)
  expect(finding).toMatchObject({ state: 'ok' })
  expect(finding?.message).toContain('2 entries')
})

test('a folder that can not be written to is told, with what to do', async () => {
  writeFileSync(join(root, 'state'), 'a file stands in the way')
  const [finding] = await checkTrail(folder, signal)
  expect(finding).toMatchObject({ area: 'audit', state: 'problem' })
  expect(finding?.message).toContain(`${folder} can not be written`)
  expect(finding?.fix).toContain('directory')
})

test.each([
  ['an entry was changed', (text: string) => text.replace('"about":"two"', '"about":"owt"')],
  ['an entry was removed', (text: string) => text.split('\n').toSpliced(1, 1).join('\n')],
  ['its beginning was removed', (text: string) => text.split('\n').slice(1).join('\n')],
])('a trail is damaged when %s', async (_, how) => {
  for (const about of ['one', 'two', 'three']) await enter(about)
  change(how)
  const findings = await checkTrail(folder, signal)
  expect(findings).toMatchObject([{ area: 'audit', state: 'problem' }])
  expect(findings[0]?.message).toContain('is damaged')
})
