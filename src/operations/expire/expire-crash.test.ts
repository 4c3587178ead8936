/** An expiry that is cut off at any request: nothing that is offered is broken, and the next run finishes. */
import { describe, expect, test } from 'vitest'
import {
  labSignal,
  nights,
  openExpireLab,
  segmentSizeBytes,
  type ExpireLab,
} from '../../../test/fakes/expire-lab.ts'
import { day, hour } from '../../base/units.ts'
import { Fault, isFault } from '../../base/fault.ts'
import { commitBackup, readCatalog, scanCatalog } from '../../repository/catalog.ts'
import { scanDumps, objectsOfDump } from '../../repository/dump-catalog.ts'
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import { parseSegmentName, segmentName } from '../../wal/segment.ts'
import type { Storage } from '../../storage/storage.ts'
import { putManaged } from '../../repository/managed-records.ts'
import { parseManagedRecord } from '../../repository/format/managed-json.ts'
import { readFileSync } from 'node:fs'
import { expirePlace, type ExpireDeps } from './expire.ts'

const managed = parseManagedRecord(
  readFileSync(new URL('../../../test/vectors/records/managed.json', import.meta.url)),
  'vector',
)

/** Also what lies outside: `outside` holds the references of snapshots that are there. */
async function openHistory(): Promise<{ lab: ExpireLab; outside: Set<string>; deps: ExpireDeps }> {
  const lab = await openExpireLab()
  const full = await nights(lab, 4)
  for (const night of [4, 5]) {
    lab.at(lab.startMs + night * day)
    await lab.backup({ parent: full[3]?.id ?? null, kind: 'incremental' })
    await lab.dump()
    const id = `2026010${String(night + 1)}T020000Z-managed`
    await putManaged(
      lab.repository,
      { ...managed, id, reference: id, copy: null, endedAt: new Date(lab.world.clock.now()).toISOString() },
      labSignal,
    )
  }
  const outside = new Set(['20260105T020000Z-managed', '20260106T020000Z-managed'])
  lab.at(lab.startMs + 6 * day)
  await lab.backup()
  await lab.backup({ id: '20260107T021500Z-full' })
  lab.at(lab.startMs + 7 * day)
  const rules = { last: 1, walMs: hour, dumps: { last: 1 }, snapshots: { last: 1 } }
  const deps = lab.deps(rules, {
    outside: {
      remove: ({ reference }) => {
        outside.delete(reference)
        return Promise.resolve(undefined)
      },
    },
  })
  return { lab, outside, deps }
}

/** What makes it whole: its objects, what it is based on, and its WAL. */
async function expectWhole(lab: ExpireLab, why: string): Promise<void> {
  const keys = new Set(await lab.keys())
  const { backups } = await scanCatalog(lab.repository, labSignal)
  const ids = new Set(backups.map(({ id }) => id))
  for (const record of backups) {
    for (const { name } of [...record.packs, record.manifest, record.backupManifest])
      expect(keys, why).toContain(`gathr/backups/${record.id}/${name}`)
    if (record.parent !== null) expect(ids, why).toContain(record.parent)
    for (const name of walOf(record))
      expect(keys, why).toContain(`gathr/wal/00000001/${name.slice(8, 16)}/${name}.zst`)
  }
  // Whatever the index still names has all its data, as long as its record is looked at.
  for (const { id } of (await readCatalog(lab.repository, labSignal)).backups)
    expect(
      [...keys].filter(key => key.startsWith(`gathr/backups/${id}/data/`)),
      why,
    ).toHaveLength(2)
  for (const dump of (await scanDumps(lab.repository, labSignal)).dumps)
    for (const { name } of objectsOfDump(dump)) expect(keys, why).toContain(`gathr/dumps/${dump.id}/${name}`)
}

function walOf({ startWal, stopWal }: BackupSummary): string[] {
  const { timeline, number: first } = parseSegmentName(startWal, segmentSizeBytes)
  const { number: last } = parseSegmentName(stopWal, segmentSizeBytes)
  const names: string[] = []
  for (let number = first; number <= last; number++)
    names.push(segmentName({ timeline, number }, segmentSizeBytes))
  return names
}

const objectsOf = async (lab: ExpireLab): Promise<string[]> =>
  (await lab.keys()).filter(key => !/\/(leases|catalog|dump-catalog)\//.test(key))

/**
 * A storage that dies: nothing is done from the `n`-th change on, or that one is still done and nobody hears of it. `n`
 * counts what is written and deleted, since what is read changes nothing.
 */
function dyingStorage(
  inner: Storage,
  n: number,
  isLastDone: boolean,
): { storage: Storage; isDead: () => boolean } {
  let count = 0
  const dead = (): never => {
    throw new Fault('STORAGE_UNAVAILABLE', 'the storage is gone (a fault made by a test)', { hint: 'None.' })
  }
  const change = async <T>(work: () => Promise<T>): Promise<T> => {
    count++
    if (count === n && isLastDone) await work()
    return count >= n ? dead() : work()
  }
  const storage: Storage = {
    ...inner,
    put: (key, body, signal) => change(() => inner.put(key, body, signal)),
    delete: (keys, signal) => change(() => inner.delete(keys, signal)),
    stat: (key, signal) => (count >= n ? dead() : inner.stat(key, signal)),
    list: (what, signal) => (count >= n ? dead() : inner.list(what, signal)),
    get: (key, range, signal) => (count >= n ? dead() : inner.get(key, range, signal)),
  }
  return { storage, isDead: () => count >= n }
}

describe('an expiry that is cut off', () => {
  test.each([false, true])(
    'at any change leaves nothing broken, and the next one finishes; the last change was done: %s',
    async isLastDone => {
      const reference = await openHistory()
      await expirePlace(reference.deps, undefined, labSignal)
      const wanted = await objectsOf(reference.lab)
      expect([...reference.outside]).toEqual(['20260106T020000Z-managed'])
      let n = 1
      for (let isOver = false; !isOver; n++) {
        const { lab, outside, deps } = await openHistory()
        const { storage, isDead } = dyingStorage(lab.storage, n, isLastDone)
        const why = `cut off at change ${String(n)}`
        try {
          await expirePlace({ ...deps, repository: { ...lab.repository, storage } }, undefined, labSignal)
          isOver = !isDead()
        } catch (error) {
          if (!isFault(error)) throw error
        }
        await expectWhole(lab, why)
        // Until then nobody else has the leases of the dead.
        lab.at(lab.world.clock.now() + hour)
        const again = await expirePlace(deps, undefined, labSignal)
        expect(again.problems, why).toEqual([])
        await expectWhole(lab, why)
        expect(await objectsOf(lab), why).toEqual(wanted)
        expect([...outside], why).toEqual([...reference.outside])
      }
      // Leases, the note, nine records, the index, WAL, and the folders.
      expect(n).toBeGreaterThan(30)
    },
    60_000,
  )

  test('does not take a backup that was brought back by a copy for what it left', async () => {
    const { lab, deps } = await openHistory()
    const before = await scanCatalog(lab.repository, labSignal)
    // The three leases, the note, and some of the records.
    const { storage } = dyingStorage(lab.storage, 12, true)
    await expect(
      expirePlace({ ...deps, repository: { ...lab.repository, storage } }, undefined, labSignal),
    ).rejects.toThrow('the storage is gone')
    const there = new Set((await scanCatalog(lab.repository, labSignal)).backups.map(({ id }) => id))
    const back = before.backups.find(({ id, kind }) => kind === 'full' && !there.has(id))
    expect(back).toBeDefined()
    if (!back) return
    await commitBackup(lab.repository, back, labSignal)
    lab.at(lab.world.clock.now() + hour)
    const done = await expirePlace({ ...deps, rules: { minimum: 1, timeZone: 'UTC' } }, undefined, labSignal)
    expect(done.items.map(({ id }) => id)).toContain(back.id)
    expect(await lab.keys(`gathr/backups/${back.id}/data/`)).toHaveLength(2)
    expect(await lab.keys('gathr/expiries/')).toEqual([])
  })
})
