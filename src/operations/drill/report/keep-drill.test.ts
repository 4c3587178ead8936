import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { labSignal as signal, openMemorySide } from '../../../../test/fakes/copy-lab.ts'
import { readDrills } from '../../../repository/drill-catalog.ts'
import { parseDrillReport } from '../../../repository/format/drill-json.ts'
import { keepDrill } from './keep-drill.ts'
import { publicKeyOf } from './signature.ts'

const vector = new URL('../../../../test/vectors/records/drill-report.json', import.meta.url)

test('drills that were begun in the same second are all kept, each under an id of its own', async () => {
  const report = parseDrillReport(readFileSync(vector), 'vector')
  const { privateKey } = generateKeyPairSync('ed25519')
  const how = { key: { secret: privateKey, public: publicKeyOf(privateKey) }, history: [] }
  const { repository, recipients } = await openMemorySide('main', undefined)
  const home = { repository, encoding: { level: 3, recipients } }
  const kept = []
  for (const notes of [['one'], ['two'], ['three']])
    kept.push((await keepDrill(home, { ...report, notes }, how, signal)).id)
  expect(new Set(kept).size).toBe(3)
  expect(kept[0]).toBe(report.id)
  expect((await readDrills(repository, signal)).drills.map(({ id }) => id)).toEqual(kept)
})
