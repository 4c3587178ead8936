import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatTablespaceMap, parseBackupLabel, parseTablespaceMap } from './backup-label.ts'

const text = `START WAL LOCATION: 16/B3000028 (file 0000000200000016000000B3)
CHECKPOINT LOCATION: 16/B3000060
BACKUP METHOD: streamed
BACKUP FROM: standby
START TIME: 2026-03-01 02:00:00 UTC
LABEL: START TIMELINE: 9
START TIMELINE: 2
`

describe('the backup label', () => {
  test('is read', () => {
    expect(parseBackupLabel(text)).toEqual({
      startLsn: 0x16_b3000028n,
      startWal: '0000000200000016000000B3',
      checkpointLsn: 0x16_b3000060n,
      timeline: 2,
      from: 'standby',
      label: 'START TIMELINE: 9',
      startTime: '2026-03-01 02:00:00 UTC',
    })
  })

  test.each(['START WAL LOCATION', 'CHECKPOINT LOCATION', 'BACKUP FROM', 'START TIMELINE'])(
    'is refused without %s',
    name => {
      expect(parseBackupLabel(text.replace(new RegExp(`^${name}.*\n`, 'm'), ''))).toBeUndefined()
    },
  )
})

describe('the tablespace map', () => {
  test('is read back as it was written, whatever the path', () => {
    const links = fc.array(
      fc.record({
        oid: fc.integer({ min: 16384, max: 4_000_000_000 }),
        location: fc.string({ minLength: 1, unit: fc.constantFrom('a', '/', ' ', '\\', '\n', '\r', 'ä') }),
      }),
    )
    fc.assert(
      fc.property(links, list => {
        expect(parseTablespaceMap(formatTablespaceMap(list))).toEqual(list)
      }),
    )
  })
})
