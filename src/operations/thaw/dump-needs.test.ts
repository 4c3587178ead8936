import { describe, expect, test } from 'vitest'
import { openMemorySide } from '../../../test/fakes/copy-lab.ts'
import { putDump } from '../../../test/fakes/stored-dumps.ts'
import type { DumpRecord } from '../../repository/format/dump-record.ts'
import { dumpFolder } from '../../repository/layout.ts'
import type { ThawState } from '../../storage/second-ports.ts'
import type { DumpCopy } from '../sources/dumps.ts'
import { coldNeedsOfDump, coldNeedsOfWholeDump } from './dump-needs.ts'

const { signal } = new AbortController()
const id = '20250101T020000Z-dump'
const storageClass = 'DEEP_ARCHIVE'

/** A copy whose every object is `is`; in a class that is always read at once when that is undefined. */
async function copyIn(name: string, is: ThawState['is'] | undefined, more: Partial<DumpRecord> = {}) {
  const side = await openMemorySide(name, undefined)
  const record = await putDump(side, id, more)
  const { storage } = side
  const looked: string[] = []
  const source: DumpCopy['source'] = {
    name,
    repository: {
      ...side.repository,
      storage: {
        ...storage,
        async *list(what, stop) {
          for await (const info of storage.list(what, stop))
            yield { ...info, storageClass: is && storageClass }
        },
        thawing: {
          isCold: given => given === storageClass,
          state: key => {
            looked.push(key)
            return Promise.resolve({ is: is ?? 'readable', sizeBytes: 1, storageClass })
          },
          request: () => Promise.reject(new Error('nothing is asked for')),
        },
      },
    },
    storage: { url: 's3://bucket/pg' },
    encoding: { level: 3, recipients: [] },
    identities: [],
  }
  return { copy: { source, record }, looked }
}

const namesOf = (needs: Awaited<ReturnType<typeof coldNeedsOfDump>>): readonly string[] =>
  needs.map(({ key }) => key.split('/').slice(3).join('/'))

describe('what has to be thawed of a dump', () => {
  test('is what the chosen database consists of, and nobody looks at the rest', async () => {
    const { copy, looked } = await copyIn('main', 'cold')
    const [first, second] = copy.record.databases
    const needs = await coldNeedsOfDump([copy], { database: second?.name, globals: false }, signal)
    const wanted = [...(second?.objects ?? []), ...(second ? [second.contents] : [])]
    expect(namesOf(needs)).toEqual(wanted.map(({ name }) => name).sort())
    expect(looked).toHaveLength(needs.length)
    const globals = await coldNeedsOfDump([copy], { database: undefined, globals: true }, signal)
    expect(namesOf(globals)).toEqual([copy.record.globals.name])
    const both = await coldNeedsOfDump([copy], { database: first?.name, globals: true }, signal)
    expect(both).toHaveLength(3)
  })

  test('is nothing where another repository has it warm, or thawed', async () => {
    const { copy: cold } = await copyIn('main', 'cold')
    const part = { database: cold.record.databases[0]?.name, globals: true }
    for (const is of [undefined, 'readable'] as const) {
      const { copy: other } = await copyIn('main/archive', is)
      expect(await coldNeedsOfDump([cold, other], part, signal)).toEqual([])
    }
  })

  test('is asked of the first repository where all are cold', async () => {
    const [first, second] = [await copyIn('main', 'thawing'), await copyIn('main/archive', 'cold')]
    const part = { database: undefined, globals: true }
    const needs = await coldNeedsOfDump([first.copy, second.copy], part, signal)
    expect(needs.map(({ source, state }) => [source.name, state.is])).toEqual([['main', 'thawing']])
  })

  test('is all of it where even its record is cold', async () => {
    const { copy } = await copyIn('main', 'cold')
    const needs = await coldNeedsOfWholeDump({ id, sources: [copy.source] }, signal)
    const { storage, identity } = copy.source.repository
    const all = await Array.fromAsync(storage.list(`${dumpFolder(identity.cluster, id)}/`, signal))
    expect(needs.map(({ key }) => key)).toEqual(all.map(({ key }) => key))
    expect(namesOf(needs)).toContain('dump.json')
  })
})
