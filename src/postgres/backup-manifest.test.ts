import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { createBackupManifest } from './backup-manifest.ts'

const file = {
  path: 'base/5/1259',
  sizeBytes: 8192,
  modifiedMs: Date.UTC(2026, 2, 1, 2, 0, 0),
  crc32c: 0x01020304,
}

test('the manifest is the JSON that PostgreSQL writes, with the bytes of CRC-32C in memory order', () => {
  const manifest = createBackupManifest({ major: 15, systemIdentifier: '7000000000000000001' })
  const text =
    manifest.head() +
    manifest.file(file) +
    manifest.file({ ...file, path: 'a "b"' }) +
    manifest.tail([{ timeline: 1, startLsn: 0x2000028n, endLsn: 0x2000100n }])
  expect(JSON.parse(text)).toMatchObject({
    'PostgreSQL-Backup-Manifest-Version': 1,
    Files: [
      { Path: 'base/5/1259', Size: 8192, 'Last-Modified': '2026-03-01 02:00:00 GMT', Checksum: '04030201' },
      { Path: 'a "b"' },
    ],
    'WAL-Ranges': [{ Timeline: 1, 'Start-LSN': '0/2000028', 'End-LSN': '0/2000100' }],
  })
})

test('its checksum covers every line but the last', () => {
  const manifest = createBackupManifest({ major: 18, systemIdentifier: '7000000000000000001' })
  const text = manifest.head() + manifest.file(file) + manifest.tail([])
  const lastLine = text.trimEnd().lastIndexOf('\n') + 1
  expect(text.slice(lastLine)).toContain(createHash('sha256').update(text.slice(0, lastLine)).digest('hex'))
  expect(text).toContain('"System-Identifier": 7000000000000000001')
})
