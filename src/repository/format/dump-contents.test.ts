import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DumpContentsDecoder, encodeDumpContents, type DumpContents } from './dump-contents.ts'

const vector = readFileSync(
  new URL('../../../test/vectors/records/dump-contents.json', import.meta.url),
  'utf8',
)

describe('contents of a dump', () => {
  test('the vector is read and written again byte for byte, and is one JSON document', () => {
    const contents = decode(vector)
    expect(contents.data.map(({ table, rows }) => [table, rows])).toEqual([
      ['orders', 1000],
      [null, 2],
    ])
    expect([...encodeDumpContents(contents)].join('')).toBe(vector)
    expect(() => JSON.parse(vector) as unknown).not.toThrow()
  })

  test('all contents come back as they were', () => {
    fc.assert(
      fc.property(anyContents, contents => {
        const text = [...encodeDumpContents(contents)].join('')
        expect(decode(text)).toEqual(contents)
        expect(() => JSON.parse(text) as unknown).not.toThrow()
      }),
      { numRuns: 200 },
    )
  })

  test('what is cut off at any line, or goes on behind its end, is refused', () => {
    const lines = vector.trimEnd().split('\n')
    for (let count = 0; count < lines.length; count++)
      expect(() => decode(lines.slice(0, count).join('\n'))).toThrow('cut off')
    expect(() => decode(`${vector}{}`)).toThrow('something follows')
  })

  test.each([
    ['"format":1', '"format":2', 'format'],
    ['"dumpId":3456', '"dumpId":-1', 'dumpId'],
    ['"rows":1000', '"rows":1e99', 'rows'],
    ['parts/00001.dump.zst.age","offsetBytes":20480', '../x","offsetBytes":20480', 'object'],
    ['"schema":"public"', '"schema":5', 'schema'],
    ['],"files":[\n', '],"files":[\n{"name":"../x","object":"a","offsetBytes":0,"sizeBytes":0}', 'name'],
  ])('%s as %s is refused', (good, wrong, says) => {
    expect(() => decode(vector.replace(good, wrong))).toThrow(says)
  })
})

function decode(text: string): DumpContents {
  const decoder = new DumpContentsDecoder()
  for (const line of text.split('\n')) decoder.take(line)
  return decoder.end()
}

const count = fc.maxSafeNat()
const name = fc.string({ unit: 'grapheme' })
const object = fc.constantFrom('parts/00001.dump.zst', 'parts/00001/3456.dat.zst.age')
const anyContents: fc.Arbitrary<DumpContents> = fc.record({
  dump: fc.constant('20260301T020000Z-dump'),
  number: fc.integer({ min: 1, max: 99_999 }),
  options: fc.record({
    schemas: fc.array(name),
    excludeSchemas: fc.array(name),
    tables: fc.array(name),
    excludeTables: fc.array(name),
    excludeTableData: fc.array(name),
  }),
  data: fc.array(
    fc.record({
      dumpId: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      schema: fc.option(name),
      table: fc.option(name),
      rows: count,
      rawBytes: count,
      object,
      offsetBytes: count,
      lengthBytes: count,
      durationMs: count,
    }),
  ),
  files: fc.array(
    fc.record({
      name: fc.constantFrom('toc.dat', 'blobs.toc', 'blob_16400.dat', '3456.dat'),
      object,
      offsetBytes: count,
      sizeBytes: count,
    }),
  ),
})
