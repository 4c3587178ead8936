import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { labSignal as signal, openMemorySide, putBackup, type MemorySide } from '../../test/fakes/copy-lab.ts'
import { Fault } from '../base/fault.ts'
import type { OutsideSnapshot } from '../repository/format/expiry-note.ts'
import type { CommandContext } from './context.ts'
import { outsideOf } from './outside.ts'

const id = '20260301T020000Z-full'
const snapshot: OutsideSnapshot = {
  id,
  provider: 'reflink',
  volume: 'data',
  reference: '/srv/copies/1',
  details: {},
  host: `not-${hostname()}`,
  instance: null,
}

/** A configuration with `main`, whose records go, and `second`. */
function contextOf(second: MemorySide | Fault): { context: CommandContext; warnings: string[] } {
  const warnings: string[] = []
  const context = {
    config: () => Promise.resolve({ config: { repositories: { main: {}, second: {} } } }),
    openRepository: () =>
      second instanceof Fault ? Promise.reject(second) : Promise.resolve({ repository: second.repository }),
    output: { warn: (line: string) => warnings.push(line) },
    signal,
  } as unknown as CommandContext
  return { context, warnings }
}

const remove = (context: CommandContext): Promise<string | undefined> =>
  outsideOf(context, 'main').remove(snapshot, signal)

test('a snapshot that another repository still knows of is left to that one', async () => {
  const second = await openMemorySide('second', undefined)
  await putBackup(second, id, [1, 2])
  const { context, warnings } = contextOf(second)
  expect(await remove(context)).toBeUndefined()
  expect(warnings).toEqual([])
})

test('a snapshot stays while a repository that may know of it can not be asked', async () => {
  const { context } = contextOf(new Fault('STORAGE_UNAVAILABLE', 'no route', { hint: 'Mend it.' }))
  expect(await remove(context)).toBe(
    'repository "second" may still know of it, and can not be asked: no route',
  )
})

test('a snapshot on another host is removed there, and that is said', async () => {
  const { context, warnings } = contextOf(await openMemorySide('second', undefined))
  expect(await remove(context)).toBeUndefined()
  expect(warnings).toEqual([
    `the snapshot /srv/copies/1 lies on not-${hostname()}: the next \`holdfast snapshot\` there removes it`,
  ])
})

test('a repository that was never made knows of nothing', async () => {
  const { context, warnings } = contextOf(new Fault('REPOSITORY_MISSING', 'none', { hint: 'Run init.' }))
  expect(await remove(context)).toBeUndefined()
  expect(warnings).toHaveLength(1)
})
