/** Where the kinds of objects lie that rights tell apart: the layout of the repository, as patterns for one cluster. */
import type { RepositoryPlaces } from '../../policy/rights/bucket-place.ts'
import {
  archiveOf,
  auditPrefix,
  awaitingName,
  backupsPrefix,
  catalogFolder,
  clusterKey,
  commitName,
  drillsPrefix,
  dumpCatalogFolder,
  dumpCommitName,
  dumpsPrefix,
  erasureName,
  erasureRequestsPrefix,
  erasuresAppliedPrefix,
  erasuresPrefix,
  erasureSecretName,
  expiriesFolder,
  holdsPrefix,
  leaseFolder,
  locksFolder,
  managedPrefix,
  probePrefix,
  repositoryKey,
  walPrefix,
  withdrawalName,
  withdrawalSecretName,
} from '../../repository/layout.ts'

export function placesOf(cluster: string): RepositoryPlaces {
  const backups = `${backupsPrefix(cluster)}*`
  const wal = walPrefix(cluster)
  // What `drills/` and `drill-catalog/` have in common.
  const drills = drillsPrefix(cluster).replace(/s\/$/, '')
  const { lies } = archiveOf(cluster)
  const archived = `${lies}backups/*`
  const requests = erasureRequestsPrefix(cluster)
  const applied = erasuresAppliedPrefix(cluster)
  return {
    identity: [repositoryKey, clusterKey(cluster)],
    records: [
      `${backups}/${commitName}`,
      `${backups}/${awaitingName}`,
      `${dumpsPrefix(cluster)}*/${dumpCommitName}`,
      `${lies}dumps/*/${dumpCommitName}`,
      `${archived}/${commitName}`,
      // Of backups and dumps: policies have a limit of length.
      `${lies}*/kept/*.json`,
      `${managedPrefix(cluster)}**`,
      // Of drills and their index: short, since a policy may only be so long. Reports end in `.zst` or `.age`.
      `${drills}*.json`,
    ],
    index: [
      `${catalogFolder(cluster)}/**`,
      `${dumpCatalogFolder(cluster)}/**`,
      `${lies}catalog/**`,
      `${lies}dump-catalog/**`,
    ],
    backups: [`${backupsPrefix(cluster)}**`, `${managedPrefix(cluster)}**`],
    packs: [`${backups}/data/**`, `${archived}/data/**`],
    // Both of a backup by one pattern: policies have a limit of length.
    manifests: [backups, archived].map(each => `${each}/*manifest*`),
    dumps: [`${dumpsPrefix(cluster)}**`, `${lies}dumps/**`],
    dumped: [dumpsPrefix(cluster), `${lies}dumps/`].flatMap(each => [
      `${each}*/globals.sql.*`,
      `${each}*/parts/**`,
    ]),
    archive: [`${lies}**`],
    wal: [`${wal}**`],
    segments: [`${wal}*/**`, `${lies}wal/*/**`],
    histories: [wal, `${lies}wal/`].flatMap(each => [`${each}*.history.zst`, `${each}*.history.zst.age`]),
    leases: [`${leaseFolder(cluster, '*').slice(0, -1)}**`, `${lies}leases/**`],
    locks: [locksFolder(cluster), `${lies}locks`].map(folder => `${folder}/**`),
    holds: [holdsPrefix(cluster), `${lies}holds/`].map(prefix => `${prefix}**`),
    erasures: [`${erasuresPrefix(cluster)}**`],
    erasureRecords: [`${requests}*/${erasureName}`, `${requests}*/${withdrawalName}`, `${applied}**`],
    erasureSecrets: [erasureSecretName, withdrawalSecretName].map(name => `${requests}*/${name('.*')}`),
    applied: [`${applied}**`],
    drills: [`${drills}**`],
    expiries: [expiriesFolder(cluster), `${lies}expiries`].map(folder => `${folder}/**`),
    audit: [`${auditPrefix(cluster)}**`],
    probes: [`${probePrefix(cluster)}**`],
    // The driver's own; parts of our keys never begin with a dot.
    claims: ['.claims/**'],
    everything: [`${cluster}/**`],
  }
}
