/** Which of a volume's snapshots is restored: its own, or the copy in the region of this host. */
import { expect, test } from 'vitest'
import type { SnapshotVolumeRecord } from '../../repository/format/snapshot-part.ts'
import type { SnapshotRegions } from '../../snapshots/provider.ts'
import { nearestSnapshot } from './presence.ts'

const signal = new AbortController().signal
const volume: SnapshotVolumeRecord = {
  name: 'data',
  reference: 'eu-central-1/snap-1',
  source: 'vol-1',
  mountPath: '/srv',
  fileSystem: 'xfs',
  sizeBytes: null,
  trees: [{ holds: 'data', path: '/srv/data', inside: 'data' }],
  details: { region: 'eu-central-1' },
  copies: [{ region: 'eu-west-1', reference: 'eu-west-1/snap-2', details: { region: 'eu-west-1' } }],
}
const regionsAt = (region: string | undefined): SnapshotRegions => ({
  targets: ['eu-west-1'],
  here: () => Promise.resolve(region),
  copy: () => Promise.reject(new Error('not asked for')),
})

test.each([
  ['eu-west-1', 'eu-west-1/snap-2'],
  ['eu-central-1', 'eu-central-1/snap-1'],
  [undefined, 'eu-central-1/snap-1'],
])('on a host in %s it is %s', async (region, reference) => {
  expect(await nearestSnapshot({ regions: regionsAt(region) }, volume, signal)).toMatchObject({
    volume: 'data',
    reference,
  })
})
