import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { countRequests } from '../../test/fakes/counting-storage.ts'
import { labSignal as signal, openMemorySide, type MemorySide } from '../../test/fakes/copy-lab.ts'
import { generateIdentity } from '../pipeline/age.ts'
import { findDrill, putDrill, readDrillFile, readDrills } from './drill-catalog.ts'
import { parseDrillReport, summaryOfReport } from './format/drill-json.ts'

const report = parseDrillReport(
  readFileSync(new URL('../../test/vectors/records/drill-report.json', import.meta.url)),
  'vector',
)
const idOf = (month: number): string => `2026${String(month).padStart(2, '0')}02T040000Z-drill`
const files = { report: Buffer.from('{"report": true}'), page: Buffer.from('<!doctype html>') }
const put = (side: MemorySide, id: string) =>
  putDrill(
    side.repository,
    { ...summaryOfReport(report), id },
    files,
    { level: 3, recipients: side.recipients },
    signal,
  )

describe('the drills of a cluster', () => {
  test('are told without a key, and their reports with one', async () => {
    const keys = await generateIdentity()
    const side = await openMemorySide('main', keys)
    const record = await put(side, idOf(3))
    expect(await findDrill(side.repository, idOf(3), signal)).toEqual(record)
    expect(record).toMatchObject({ answers: { ok: 1, failed: 1, notAsked: 1 } })
    expect(Object.keys(record)).not.toContain('checklist')
    const read = (identities: readonly string[]) =>
      readDrillFile(side.repository, record, 'page', identities, signal)
    expect(Buffer.from(await read([keys.identity])).toString()).toBe('<!doctype html>')
    await expect(read([])).rejects.toMatchObject({ code: 'KEY_MISSING' })
  })

  test('are listed by their index, in a handful of requests, oldest first', async () => {
    const side = await openMemorySide('main', undefined)
    for (const month of [1, 3, 2, 4, 5, 6]) await put(side, idOf(month))
    const counted = countRequests(side.storage)
    const { drills } = await readDrills({ ...side.repository, storage: counted.storage }, signal)
    expect(drills.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6].map(idOf))
    expect(counted.requests).toMatchObject({ get: 1, put: 0 })
    expect(counted.requests.list).toBeLessThan(5)
  })

  test('are listed without an index, too, and one that is damaged hides no other', async () => {
    const side = await openMemorySide('main', undefined)
    for (const month of [1, 2, 3]) await put(side, idOf(month))
    const keys = (await Array.fromAsync(side.storage.list('gathr/drill-catalog/', signal))).map(
      ({ key }) => key,
    )
    const second = `gathr/drills/${idOf(2)}/drill.json`
    await side.storage.delete([...keys, second], signal)
    await side.storage.put(second, { sizeBytes: 2, open: () => bytes('{}') }, signal)
    const { drills, damaged } = await readDrills(side.repository, signal)
    expect(drills.map(({ id }) => id)).toEqual([idOf(1), idOf(3)])
    expect(damaged).toMatchObject([{ id: idOf(2), fault: { code: 'OBJECT_CORRUPT' } }])
  })

  test('a report that is not what was stored, or is gone, is a fault', async () => {
    const side = await openMemorySide('main', undefined)
    const record = await put(side, idOf(1))
    const read = () => readDrillFile(side.repository, record, 'report', [], signal)
    const key = `gathr/drills/${idOf(1)}/report.json.zst`
    await side.storage.delete([key], signal)
    await expect(read()).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
    await side.storage.put(key, { sizeBytes: 2, open: () => bytes('{}') }, signal)
    await expect(read()).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
  })

  test('never replace one another', async () => {
    const side = await openMemorySide('main', undefined)
    await put(side, idOf(1))
    await expect(put(side, idOf(1))).rejects.toMatchObject({ code: 'OBJECT_CONFLICT' })
  })

  test('an id that is none is not looked for', async () => {
    const side = await openMemorySide('main', undefined)
    expect(await findDrill(side.repository, '../../x', signal)).toBeUndefined()
  })
})

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}
