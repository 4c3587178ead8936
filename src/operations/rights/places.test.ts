/** The patterns that policies are made from, against the keys that the layout really makes. */
import { expect, test } from 'vitest'
import { rightsOf, type Place } from '../../policy/rights/roles.ts'
import {
  awaitingName,
  backupManifestName,
  backupFolder,
  catalogFolder,
  clusterKey,
  commitName,
  leaseFolder,
  locksFolder,
  manifestName,
  numberedKey,
  probePrefix,
  repositoryKey,
  walKey,
} from '../../repository/layout.ts'
import { packName } from '../../repository/packs/pack-name.ts'
import { placesOf } from './places.ts'

const folder = backupFolder('gathr', '20260301T020000Z-full')
const keys = {
  repository: repositoryKey,
  cluster: clusterKey('gathr'),
  commit: `${folder}/${commitName}`,
  awaiting: `${folder}/${awaitingName}`,
  manifest: `${folder}/${manifestName('.zst.age')}`,
  postgresManifest: `${folder}/${backupManifestName('.zst')}`,
  pack: `${folder}/${packName(1, { level: 3, recipients: ['age1x'] })}`,
  segment: walKey('gathr', '000000010000000000000001', '.zst.age'),
  history: walKey('gathr', '00000002.history', '.zst'),
  lease: numberedKey(leaseFolder('gathr', 'backup'), 1),
  index: numberedKey(catalogFolder('gathr'), 1),
  lock: numberedKey(locksFolder('gathr'), 1),
  probe: `${probePrefix('gathr')}ab12`,
}

test.each<[Place, string]>([
  ['identity', 'repository cluster'],
  ['records', 'commit awaiting'],
  ['index', 'index'],
  ['backups', 'commit awaiting manifest postgresManifest pack'],
  ['packs', 'pack'],
  ['manifests', 'manifest postgresManifest'],
  ['segments', 'segment'],
  ['wal', 'segment history'],
  ['histories', 'history'],
  ['leases', 'lease'],
  ['locks', 'lock'],
  ['probes', 'probe'],
  [
    'everything',
    'cluster commit awaiting manifest postgresManifest pack segment history lease index lock probe',
  ],
])('%s are these keys, and no others', (place, expected) => {
  const patterns = placesOf('gathr')[place]
  const found = Object.entries(keys).filter(([, key]) => patterns.some(pattern => like(key, pattern)))
  expect(found.map(([name]) => name).join(' ')).toBe(expected)
})

test('every key is put by the writer and read by the restorer', () => {
  const fits = (kinds: readonly Place[], key: string): boolean =>
    kinds.some(kind => placesOf('gathr')[kind].some(pattern => like(key, pattern)))
  for (const key of Object.values(keys)) {
    expect(fits(rightsOf.writer.write, key), key).toBe(true)
    expect(fits(rightsOf.restorer.read, key), key).toBe(true)
  }
})

/** As policies have it: a run of characters takes in everything, `/` as well. */
const like = (text: string, pattern: string): boolean =>
  new RegExp(`^${pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('\\*', '.*')}$`).test(text)
