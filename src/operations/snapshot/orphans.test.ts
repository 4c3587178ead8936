/** Which snapshots may be removed as nobody's: those that are surely ours, and surely no backup's. */
import { describe, expect, test } from 'vitest'
import {
  labSignal as signal,
  labWorld as world,
  openMemorySide,
  putBackup,
  type MemorySide,
} from '../../../test/fakes/copy-lab.ts'
import { Fault } from '../../base/fault.ts'
import { acquireLease, leaseOwner } from '../../repository/lease.ts'
import { managedKey } from '../../repository/layout.ts'
import type { FoundSnapshot } from '../../snapshots/provider.ts'
import { bodyOf } from '../../storage/storage.ts'
import { claimOf, findOrphans, removeOrphans, type Witness } from './orphans.ts'

const id = '20260301T020000Z-snapshot'
/** The lab knows of no snapshots: what is known of a backup is known of them. */
const fullId = '20260301T020000Z-full'
const snapshotOf = (more: Partial<FoundSnapshot> = {}): FoundSnapshot => ({
  id,
  volume: 'data',
  reference: `pool@${more.id ?? id}`,
  repository: undefined,
  ...more,
})
const witnessOf = (side: MemorySide, isOurs = false): Witness => ({
  name: side.name,
  open: () => Promise.resolve(side.repository),
  isOurs,
})
const away: Witness = {
  name: 'away',
  open: () => Promise.reject(new Fault('STORAGE_UNAVAILABLE', 'no answer', { hint: '' })),
  isOurs: false,
}

describe('snapshots without a backup', () => {
  test('are ours to remove when they were made for a repository of ours, and for no other', async () => {
    const main = await openMemorySide('main', undefined)
    const ours = snapshotOf({ repository: claimOf(main.repository) })
    const ofClone = snapshotOf({ repository: '0123456789ab', reference: 'pool@clone' })
    const ofNobody = snapshotOf({ reference: 'pool@nobody' })
    const strange = snapshotOf({ id: 'by-hand', repository: claimOf(main.repository) })
    expect(
      await findOrphans({ world, witnesses: [witnessOf(main)] }, [ours, ofClone, ofNobody, strange], signal),
    ).toEqual({ orphans: [ours], keptBecause: undefined, unclaimed: [ofClone, ofNobody] })
  })

  test('are none as long as any repository knows of a backup, also by a record that can not be read', async () => {
    const [main, second] = [
      await openMemorySide('main', undefined),
      await openMemorySide('second', undefined),
    ]
    await putBackup(second, fullId, [3, 4])
    const managed = '20260301T030000Z-managed'
    const key = managedKey(second.repository.identity.cluster, managed)
    await second.storage.put(key, bodyOf(Buffer.from('damaged')), signal)
    const found = [fullId, managed].map(one => snapshotOf({ id: one, repository: claimOf(main.repository) }))
    const { orphans } = await findOrphans(
      { world, witnesses: [main, second].map(side => witnessOf(side)) },
      found,
      signal,
    )
    expect(orphans).toEqual([])
  })

  test('stay while somebody is at work, and while a repository can not be asked', async () => {
    const main = await openMemorySide('main', undefined)
    const found = [snapshotOf({ repository: claimOf(main.repository) })]
    const judged = async (witnesses: readonly Witness[]): Promise<string | undefined> =>
      (await findOrphans({ world, witnesses }, found, signal)).keptBecause
    expect(await judged([witnessOf(main), away])).toMatch(/"away" can not be asked/)
    {
      await using _lease = await acquireLease(
        main.repository,
        'backup',
        await leaseOwner('test'),
        world,
        signal,
      )
      expect(await judged([witnessOf(main)])).toMatch(/a backup may be under way/)
      expect(await judged([witnessOf(main, true)]), 'the lease is our own').toBeUndefined()
    }
    expect(await judged([witnessOf(main)])).toBeUndefined()
  })

  test('a run that ends its work while it is looked at keeps its snapshots', async () => {
    const main = await openMemorySide('main', undefined)
    const lease = await acquireLease(main.repository, 'backup', await leaseOwner('test'), world, signal)
    let isDone = false
    /** Commits, and lets go, behind the first thing that is asked. */
    const finish = async (): Promise<void> => {
      if (isDone) return
      isDone = true
      await putBackup(main, fullId, [3, 4])
      await lease[Symbol.asyncDispose]()
    }
    const { storage } = main.repository
    const watched = {
      ...storage,
      async *list(...args: Parameters<typeof storage.list>) {
        yield* storage.list(...args)
        await finish()
      },
    }
    const witness = {
      ...witnessOf(main),
      open: () => Promise.resolve({ ...main.repository, storage: watched }),
    }
    const found = [snapshotOf({ id: fullId, repository: claimOf(main.repository) })]
    const { orphans, keptBecause } = await findOrphans({ world, witnesses: [witness] }, found, signal)
    expect(isDone).toBe(true)
    expect(keptBecause === undefined ? orphans : []).toEqual([])
  })

  test('one that is in use stays, is told of, and keeps nobody from the others', async () => {
    const [first, second] = [snapshotOf(), snapshotOf({ id: '20260302T020000Z-snapshot' })]
    const removed: string[] = []
    const removals = await removeOrphans(
      [first, second],
      ({ reference }) => {
        if (reference === first.reference)
          return Promise.reject(new Fault('SNAPSHOT_FAILED', 'a clone depends on it', { hint: '' }))
        removed.push(reference)
        return Promise.resolve()
      },
      signal,
    )
    expect(removed).toEqual([second.reference])
    expect(removals.map(({ failure }) => failure)).toEqual(['a clone depends on it', undefined])
  })
})
