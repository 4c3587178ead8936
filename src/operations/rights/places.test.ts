/** The patterns that policies are made from, against the keys that the layout really makes. */
import { expect, test } from 'vitest'
import { parseConfig } from '../../config/load.ts'
import { gcsBindings } from '../../policy/rights/gcs.ts'
import { rightsOf, roles, unreadOf, type Place } from '../../policy/rights/roles.ts'
import {
  awaitingName,
  backupManifestName,
  auditChainPrefix,
  backupFolder,
  catalogFolder,
  drillCatalogFolder,
  drillCommitName,
  drillFolder,
  drillPageName,
  drillReportName,
  dumpCatalogFolder,
  clusterKey,
  commitName,
  customDumpName,
  dumpCommitName,
  dumpContentsName,
  dumpFolder,
  erasureAppliedKey,
  erasureKey,
  erasureName,
  erasureSecretName,
  globalsName,
  keptKey,
  leaseFolder,
  locksFolder,
  manifestName,
  numberedKey,
  probePrefix,
  repositoryKey,
  walKey,
  withdrawalName,
  withdrawalSecretName,
} from '../../repository/layout.ts'
import { packName } from '../../repository/packs/pack-name.ts'
import { bucketPlaceOf } from './bucket-place.ts'
import { placesOf } from './places.ts'

const folder = backupFolder('gathr', '20260301T020000Z-full')
const dump = dumpFolder('gathr', '20260301T020000Z-dump')
const drill = drillFolder('gathr', '20260302T040000Z-drill')
const erasure = '20260301T020000Z-erasure-1f00a2c4'
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
  dumpIndex: numberedKey(dumpCatalogFolder('gathr'), 1),
  lock: numberedKey(locksFolder('gathr'), 1),
  probe: `${probePrefix('gathr')}ab12`,
  audit: `${auditChainPrefix('gathr', 'db1-aa')}000000000001-000000000002-ab.jsonl.zst.age`,
  kept: keptKey('gathr/archive/backups/20260301T020000Z-full', '20270301T020320Z-monthly'),
  dump: `${dump}/${dumpCommitName}`,
  globals: `${dump}/${globalsName('.zst.age')}`,
  contents: `${dump}/${dumpContentsName(1, '.zst')}`,
  rows: `${dump}/${customDumpName(1, '.zst.age')}`,
  request: erasureKey('gathr', erasure, erasureName),
  sealed: erasureKey('gathr', erasure, erasureSecretName('.zst.age')),
  withdrawn: erasureKey('gathr', erasure, withdrawalName),
  reason: erasureKey('gathr', erasure, withdrawalSecretName('.zst')),
  drill: `${drill}/${drillCommitName}`,
  drillReport: `${drill}/${drillReportName('.zst.age')}`,
  drillPage: `${drill}/${drillPageName('.zst')}`,
  drillIndex: numberedKey(drillCatalogFolder('gathr'), 1),
  applied: erasureAppliedKey('gathr', '20260301T020000Z-1f00a2c4'),
}

test.each<[Place, string]>([
  ['identity', 'repository cluster'],
  ['records', 'commit awaiting kept dump drill drillIndex'],
  ['index', 'index dumpIndex'],
  ['backups', 'commit awaiting manifest postgresManifest pack'],
  ['packs', 'pack'],
  ['manifests', 'manifest postgresManifest'],
  ['dumps', 'dump globals contents rows'],
  ['dumped', 'globals contents rows'],
  ['segments', 'segment'],
  ['wal', 'segment history'],
  ['histories', 'history'],
  ['leases', 'lease'],
  ['locks', 'lock'],
  ['erasures', 'request sealed withdrawn reason applied'],
  ['erasureRecords', 'request withdrawn applied'],
  ['erasureSecrets', 'sealed reason'],
  ['applied', 'applied'],
  ['drills', 'drill drillReport drillPage drillIndex'],
  ['probes', 'probe'],
  ['audit', 'audit'],
  [
    'everything',
    'cluster commit awaiting manifest postgresManifest pack segment history lease index dumpIndex lock probe audit kept dump globals contents rows request sealed withdrawn reason drill drillReport drillPage drillIndex applied',
  ],
])('%s are these keys, and no others', (place, expected) => {
  const patterns = placesOf('gathr')[place]
  const found = Object.entries(keys).filter(([, key]) => patterns.some(pattern => like(key, pattern)))
  expect(found.map(([name]) => name).join(' ')).toBe(expected)
})

test('every key is put by the writer and read by the restorer', () => {
  const fits = (kinds: readonly Place[], key: string): boolean =>
    kinds.some(kind => placesOf('gathr')[kind].some(pattern => like(key, pattern)))
  for (const key of Object.values(keys).filter(
    each => each !== keys.kept && !each.startsWith('gathr/drill'),
  )) {
    expect(fits(rightsOf.writer.write, key), key).toBe(true)
    expect(fits(rightsOf.restorer.read, key), key).toBe(true)
  }
})

test('what a role reads is not denied to it', () => {
  for (const role of roles)
    for (const [name, key] of Object.entries(keys)) {
      const fits = (kinds: readonly Place[]): boolean =>
        kinds.some(kind => placesOf('gathr')[kind].some(pattern => like(key, pattern)))
      expect(fits(rightsOf[role].read) && fits(unreadOf(role)), `${role}: ${name}`).toBe(false)
    }
})

test('conditions of Google, which know only beginnings and ends of names, give nobody data that the role does not read', () => {
  const config = parseConfig(
    'cluster: gathr\npostgres: {connection: x}\nrepositories: {main: {url: "gs://vault/pg", encryption: none}}',
    'test',
  )
  const [main] = Object.values(config.repositories)
  if (!main) throw new Error('there is a repository')
  const nobody = { account: undefined, principals: {} }
  for (const role of roles) {
    const { bindings } = gcsBindings(bucketPlaceOf(config, 'main', main), [role], nobody).document as {
      bindings: readonly { role: string; condition?: { expression: string } }[]
    }
    const mayRead = (key: string): boolean =>
      bindings.some(
        ({ role: name, condition }) =>
          name.endsWith('_read') && condition && isMet(condition.expression, `pg/${key}`),
      )
    const isRead = (key: string): boolean =>
      rightsOf[role].read.some(kind => placesOf('gathr')[kind].some(pattern => like(key, pattern)))
    for (const key of Object.values(keys))
      for (const moved of [key, key.replace(/^gathr\//, 'gathr/archive/')])
        // Whatever else there is of records in the archive is as harmless.
        if (mayRead(moved) && !/\.json$/.test(moved)) expect(isRead(moved), `${role}: ${moved}`).toBe(true)
        else if (isRead(moved)) expect(mayRead(moved), `${role}: ${moved}`).toBe(true)
  }
})

/** Of a condition as gcs.ts makes it. */
function isMet(expression: string, key: string): boolean {
  const name = `projects/_/buckets/vault/objects/${key}`
  return expression.split(' || ').some(term => {
    const [, exact] = /^resource\.name == "(.*)"$/.exec(term) ?? []
    if (exact !== undefined) return name === exact
    const [, head = 'nothing'] = /resource\.name\.startsWith\("([^"]*)"\)/.exec(term) ?? []
    const [, tail = ''] = /resource\.name\.endsWith\("([^"]*)"\)/.exec(term) ?? []
    return name.startsWith(head) && name.endsWith(tail)
  })
}

/** As policies have it: a run of characters takes in everything, `/` as well. */
const like = (text: string, pattern: string): boolean =>
  new RegExp(`^${pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('\\*', '.*')}$`).test(text)
