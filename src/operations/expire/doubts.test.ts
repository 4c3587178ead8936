/** Snapshots that vanished where they lie, or that nobody can tell of: nothing else goes because of them. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { labSignal, openExpireLab, type ExpireLab } from '../../../test/fakes/expire-lab.ts'
import { Fault } from '../../base/fault.ts'
import { day, hour } from '../../base/units.ts'
import { listBackups } from '../../repository/catalog.ts'
import { parseManagedRecord } from '../../repository/format/managed-json.ts'
import type { SnapshotVolumeRecord } from '../../repository/format/snapshot-part.ts'
import { putManaged } from '../../repository/managed-records.ts'
import type { ManagedServer } from '../../snapshots/managed/server.ts'
import type { SnapshotProvider, SnapshotState } from '../../snapshots/provider.ts'
import type { Holders } from './doubts.ts'
import { expirePlace } from './expire.ts'

const managed = parseManagedRecord(
  readFileSync(new URL('../../../test/vectors/records/managed.json', import.meta.url)),
  'vector',
)

type Said = Pick<SnapshotState, 'state'> | 'gone' | 'no answer'

const volume = (reference: string): SnapshotVolumeRecord => ({
  name: 'data',
  reference,
  source: 'vol-1',
  mountPath: '/srv/pg',
  fileSystem: 'xfs',
  sizeBytes: null,
  trees: [{ holds: 'data', path: '/srv/pg/main', inside: 'main' }],
  details: {},
  copies: [],
})

/** One each day, whose volumes are called after the day. */
async function snapshots(lab: ExpireLab, count: number): Promise<void> {
  for (let i = 1; i <= count; i++) {
    lab.at(lab.startMs + i * day)
    const snapshot = { provider: 'aws-ebs', volumes: [volume(`snap-${String(i)}`)] }
    await lab.backup({ kind: 'snapshot', snapshot })
  }
  lab.at(lab.startMs + count * day + hour)
}

/** A cloud that says this of the snapshots, and of all others that they are there. */
function cloudThatSays(answers: Readonly<Record<string, Said>>): Holders {
  const provider = {
    name: 'aws-ebs',
    describe({ reference }: { readonly reference: string }) {
      const said = answers[reference] ?? { state: 'ready' }
      if (said === 'no answer')
        return Promise.reject(new Fault('CLOUD_UNAVAILABLE', 'the cloud does not answer', { hint: 'None.' }))
      return Promise.resolve(said === 'gone' ? undefined : said)
    },
    close: () => Promise.resolve(),
  }
  return {
    openProvider: () => Promise.resolve(provider as unknown as SnapshotProvider),
    openManaged: undefined,
  }
}

const left = async ({ repository }: ExpireLab): Promise<string[]> =>
  (await listBackups(repository, labSignal)).map(({ id }) => `${id.slice(6, 8)} ${id.slice(17)}`)

const rules = { last: 1, walMs: hour, snapshots: { last: 1 } }

test('a snapshot that is there counts as any other', async () => {
  const lab = await openExpireLab()
  await snapshots(lab, 4)
  await expirePlace(lab.deps(rules, { holders: cloudThatSays({}) }), undefined, labSignal)
  // An hour ago the window began, with the one of that moment.
  expect(await left(lab)).toEqual(['05 snapshot'])
})

test.each<[string, Said, RegExp]>([
  ['is gone', 'gone', /^can not be restored: the snapshot snap-4 of data is gone$/],
  ['has failed', { state: 'failed' }, /^can not be restored: .* has failed$/],
  ['can not be seen from here', 'no answer', /^may be gone, which .* here: the cloud does not answer$/],
])('one that %s takes the place of no other, and its record stays', async (_, said, flaw) => {
  const lab = await openExpireLab()
  await snapshots(lab, 4)
  const holders = cloudThatSays({ 'snap-4': said })
  const done = await expirePlace(lab.deps(rules, { holders }), undefined, labSignal)
  expect(await left(lab)).toEqual(['04 snapshot', '05 snapshot'])
  expect(done.items.at(-1)?.flaw).toMatch(flaw)
  expect(done.items.at(-2)?.flaw).toBeUndefined()
  // From the older one on, whose segments are the fifth and sixth.
  expect((await lab.keys('gathr/wal/')).map(key => key.slice(-6, -4))).toEqual(['05', '06', '07', '08'])
})

test('where nobody can be asked, snapshots go by their rules, and WAL stays, as nothing is there to rely on', async () => {
  const lab = await openExpireLab()
  await snapshots(lab, 4)
  await expirePlace(lab.deps(rules), undefined, labSignal)
  expect(await left(lab)).toEqual(['05 snapshot'])
  expect(await lab.keys('gathr/wal/')).toHaveLength(8)
})

test('with another good base backup nothing depends on what can not be told', async () => {
  const lab = await openExpireLab()
  await snapshots(lab, 3)
  lab.at(lab.startMs + 4 * day)
  await lab.backup()
  lab.at(lab.startMs + 6 * day)
  await expirePlace(lab.deps(rules), undefined, labSignal)
  expect(await left(lab)).toEqual(['04 snapshot', '05 full'])
  expect((await lab.keys('gathr/wal/')).map(key => key.slice(-6, -4))).toEqual(['05', '06', '07', '08'])
})

test('a snapshot of a managed server that is gone takes the place of no other', async () => {
  const lab = await openExpireLab()
  await lab.backup()
  const ids = [2, 3, 4].map(night => `2026010${String(night)}T020000Z-managed`)
  for (const [i, id] of ids.entries()) {
    const endedAt = new Date(lab.startMs + (i + 1) * day).toISOString()
    await putManaged(lab.repository, { ...managed, id, reference: id, copy: null, endedAt }, labSignal)
  }
  lab.at(lab.startMs + 4 * day)
  const there = ids.slice(0, 2).map(reference => ({ reference, state: { state: 'ready' } }))
  const server = {
    list: () => Promise.resolve({ found: there, closed: [] }),
    describe: () => Promise.resolve(undefined),
    close: () => Promise.resolve(),
  }
  const openManaged = () => Promise.resolve(server as unknown as ManagedServer)
  const deps = lab.deps(rules, { holders: { openProvider: undefined, openManaged } })
  const done = await expirePlace(deps, undefined, labSignal)
  expect(done.removed.ids).toEqual(ids.slice(0, 1))
  expect(done.items.at(-1)?.flaw).toBe(`can not be restored: ${ids[2] ?? ''} is gone`)
})
