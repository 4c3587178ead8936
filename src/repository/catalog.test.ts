import { describe, expect, test } from 'vitest'
import { backupRecord, putBackupObjects } from '../../test/support/backup-records.ts'
import { isFault, type FaultCode } from '../base/fault.ts'
import { simWorld } from '../base/world.ts'
import { openMemoryStorage } from '../storage/drivers/memory.ts'
import { bodyOf, type Storage } from '../storage/storage.ts'
import { faultsAt, withFaults } from '../storage/with-faults.ts'
import {
  commitAwaiting,
  commitBackup,
  keepAwaitingWal,
  listBackups,
  readBackup,
  readCatalog,
  scanCatalog,
} from './catalog.ts'
import { encodeBackupRecord } from './format/backup-json.ts'
import { summaryOf } from './format/backup-summary.ts'
import type { Repository } from './repository.ts'

const signal = new AbortController().signal
const world = simWorld({ startMs: Date.UTC(2026, 2, 1) })
const identity = {
  cluster: 'gathr',
  systemIdentifier: '7481234567890123456',
  postgresMajor: 15,
  walSegmentSizeBytes: 1 << 24,
}
const fault =
  (code: FaultCode, word = '') =>
  (error: unknown) =>
    isFault(error, code) && error.message.includes(word)

function setUp(): { storage: Storage; repository: Repository } {
  const storage = openMemoryStorage(world.clock)
  return { storage, repository: { storage, identity, id: 'x' } }
}

describe('the catalogue', () => {
  test('has a backup when it was committed, and not before', async () => {
    const { storage, repository } = setUp()
    const record = backupRecord()
    await putBackupObjects(storage, record)
    expect(await scanCatalog(repository, signal)).toMatchObject({
      backups: [],
      incomplete: [{ id: record.id, objectCount: 4 }],
    })
    expect(await readCatalog(repository, signal)).toMatchObject({
      backups: [],
      incomplete: [{ id: record.id }],
    })
    await expect(readBackup(repository, record.id, signal)).rejects.toSatisfy(
      fault('BACKUP_NOT_FOUND', record.id),
    )
    await commitBackup(repository, record, signal)
    expect(await listBackups(repository, signal)).toEqual([summaryOf(record)])
    expect(await readBackup(repository, record.id, signal)).toEqual(record)
  })

  test('orders by system identifier, timeline and LSN, never by name', async () => {
    const { storage, repository } = setUp()
    const at = (id: string, systemIdentifier: string, timeline: number, startLsn: string) =>
      backupRecord({ id, systemIdentifier, timeline, startLsn, stopLsn: 'FFFFFFFF/0' })
    const records = [
      at('20260401T000000Z-full', '99', 1, '0/9'),
      at('20260101T000000Z-full', '100', 2, '9/0'),
      at('20260301T000000Z-full', '100', 2, 'A/0'),
      at('20260201T000000Z-full', '100', 2, '10/0'),
      at('20251231T000000Z-full', '100', 10, '0/1'),
    ]
    for (const record of records.toReversed()) {
      await putBackupObjects(storage, record)
      await commitBackup(repository, record, signal)
    }
    expect((await listBackups(repository, signal)).map(({ id }) => id)).toEqual(records.map(({ id }) => id))
  })

  test('tells of a record that can not be read, and still has the others', async () => {
    const { storage, repository } = setUp()
    const [good, bad] = [backupRecord(), backupRecord({ id: '20260302T020000Z-full' })]
    await putBackupObjects(storage, good)
    await commitBackup(repository, good, signal)
    await storage.put(`gathr/backups/${bad.id}/backup.json`, bodyOf(Buffer.from('{"format":1')), signal)
    await storage.put(
      'gathr/backups/20260303T020000Z-full/backup.json',
      bodyOf(Buffer.from('{"format":7}')),
      signal,
    )
    await storage.put(
      'gathr/backups/20260304T020000Z-full/backup.json',
      bodyOf(encodeBackupRecord(good)),
      signal,
    )
    const { backups, damaged } = await readCatalog(repository, signal)
    expect(backups).toEqual([summaryOf(good)])
    expect(damaged.map(({ id, fault: { code } }) => [id, code])).toEqual([
      ['20260302T020000Z-full', 'OBJECT_CORRUPT'],
      ['20260303T020000Z-full', 'REPOSITORY_FORMAT'],
      ['20260304T020000Z-full', 'OBJECT_CORRUPT'],
    ])
  })

  test('passes over what is not a backup', async () => {
    const { storage, repository } = setUp()
    await storage.put('gathr/backups/notes.txt', bodyOf(Buffer.from('x')), signal)
    await storage.put('gathr/backups/lost/backup.json', bodyOf(Buffer.from('x')), signal)
    expect(await readCatalog(repository, signal)).toEqual({
      backups: [],
      awaiting: [],
      damaged: [],
      incomplete: [],
    })
  })
})

describe('committing', () => {
  test('is refused while an object that the record names is missing or has another size', async () => {
    const { storage, repository } = setUp()
    const record = backupRecord()
    await putBackupObjects(storage, record)
    await storage.delete([`gathr/backups/${record.id}/data/00002.tar.zst.age`], signal)
    await expect(commitBackup(repository, record, signal)).rejects.toSatisfy(
      fault('OBJECT_MISSING', '00002.tar.zst.age is not there'),
    )
    await storage.put(`gathr/backups/${record.id}/data/00002.tar.zst.age`, bodyOf(Buffer.from('x')), signal)
    await expect(commitBackup(repository, record, signal)).rejects.toSatisfy(
      fault('OBJECT_MISSING', '1 bytes instead of'),
    )
    expect(await listBackups(repository, signal)).toEqual([])
  })

  test('twice is harmless, with another record it is a conflict', async () => {
    const { storage, repository } = setUp()
    const record = backupRecord()
    await putBackupObjects(storage, record)
    await commitBackup(repository, record, signal)
    await commitBackup(repository, record, signal)
    await expect(commitBackup(repository, { ...record, label: 'other' }, signal)).rejects.toSatisfy(
      fault('OBJECT_CONFLICT'),
    )
    expect(await readBackup(repository, record.id, signal)).toEqual(record)
  })
})

describe('a backup that awaits its WAL', () => {
  test('is kept apart, and becomes a backup later', async () => {
    const { storage, repository } = setUp()
    const record = backupRecord()
    await putBackupObjects(storage, record)
    await keepAwaitingWal(repository, record, signal)
    expect(await readCatalog(repository, signal)).toMatchObject({
      backups: [],
      awaiting: [record],
      incomplete: [],
    })
    expect(await commitAwaiting(repository, record.id, signal)).toEqual(record)
    expect(await readCatalog(repository, signal)).toMatchObject({
      backups: [summaryOf(record)],
      awaiting: [],
      incomplete: [],
    })
    expect(await commitAwaiting(repository, record.id, signal)).toEqual(record)
  })

  test('is never lost, wherever its commit is cut off', async () => {
    const record = backupRecord()
    for (let step = 1; step <= 12; step++) {
      const { storage, repository } = setUp()
      await putBackupObjects(storage, record)
      await keepAwaitingWal(repository, record, signal)
      for (const kind of ['fail', 'lose-answer'] as const) {
        const shaky = withFaults(storage, faultsAt({ [step]: kind }), world.clock)
        await commitAwaiting({ ...repository, storage: shaky }, record.id, signal).catch(() => undefined)
        for (const { backups, awaiting } of [
          await readCatalog(repository, signal),
          await scanCatalog(repository, signal),
        ])
          expect([...backups, ...awaiting].map(summaryOf)).toEqual([summaryOf(record)])
      }
      expect(await commitAwaiting(repository, record.id, signal)).toEqual(record)
      expect((await scanCatalog(repository, signal)).backups).toEqual([record])
    }
  })
})
