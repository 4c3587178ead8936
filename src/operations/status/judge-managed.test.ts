/** What is said of a managed server's snapshots, by what the vendor says of them. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { hour } from '../../base/units.ts'
import { parseManagedRecord } from '../../repository/format/managed-json.ts'
import type { Whereabouts } from '../managed/presence.ts'
import { isLost, ofManaged } from './judge-managed.ts'

const path = new URL('../../../test/vectors/records/managed.json', import.meta.url)
const record = parseManagedRecord(readFileSync(path), 'vector')
const endedMs = Date.parse(record.endedAt)

type State = Whereabouts['state']

test.each<{ snapshot: State; copy?: State; hours?: number; says: RegExp[]; lost?: true }>([
  { snapshot: 'ready', says: [] },
  { snapshot: 'ready', copy: 'ready', says: [] },
  { snapshot: 'ready', copy: 'pending', says: [] },
  { snapshot: 'ready', copy: 'pending', hours: 30, says: [/would be lost with its region/] },
  { snapshot: 'ready', copy: 'failed', says: [/would be lost with its region/] },
  { snapshot: 'gone', copy: 'ready', says: [/only its copy in eu-west-1/] },
  { snapshot: 'gone', copy: 'gone', says: [/can not be restored: .*, and so is its copy/], lost: true },
  { snapshot: 'failed', says: [/can not be restored/], lost: true },
  {
    snapshot: 'unknown',
    copy: 'unknown',
    says: [/could not be told: of home/, /could not be told: of copy/],
  },
  { snapshot: 'gone', copy: 'unknown', says: [/could not be told: of copy/, /only its copy/] },
])('snapshot $snapshot, copy $copy', ({ snapshot, copy, hours = 1, says, lost = false }) => {
  const presence = {
    record,
    snapshot: { reference: 'home', state: snapshot, message: 'of home' },
    copy: copy && { region: 'eu-west-1', reference: 'copy', state: copy, message: 'of copy' },
  }
  const findings = ofManaged('main', [presence], endedMs + hours * hour)
  expect(findings).toHaveLength(says.length)
  for (const [i, text] of says.entries()) expect(findings[i]?.message).toMatch(text)
  expect(isLost(presence)).toBe(lost)
})
