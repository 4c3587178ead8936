/** Where the kinds of objects lie that rights tell apart: the layout of the repository, as patterns for one cluster. */
import type { RepositoryPlaces } from '../../policy/rights/bucket-place.ts'
import {
  awaitingName,
  backupsPrefix,
  catalogFolder,
  clusterKey,
  commitName,
  leaseFolder,
  locksFolder,
  probePrefix,
  repositoryKey,
  walPrefix,
} from '../../repository/layout.ts'

export function placesOf(cluster: string): RepositoryPlaces {
  const backups = `${backupsPrefix(cluster)}*`
  const wal = walPrefix(cluster)
  return {
    identity: [repositoryKey, clusterKey(cluster)],
    records: [`${backups}/${commitName}`, `${backups}/${awaitingName}`],
    index: [`${catalogFolder(cluster)}/**`],
    backups: [`${backupsPrefix(cluster)}**`],
    packs: [`${backups}/data/**`],
    manifests: [`${backups}/manifest.json.*`, `${backups}/backup_manifest.*`],
    dumps: [`${cluster}/dumps/**`, `${cluster}/archive/**`],
    wal: [`${wal}**`],
    segments: [`${wal}*/**`],
    histories: [`${wal}*.history.zst`, `${wal}*.history.zst.age`],
    leases: [`${leaseFolder(cluster, '*').slice(0, -1)}**`],
    locks: [`${locksFolder(cluster)}/**`],
    holds: [`${cluster}/holds/**`],
    probes: [`${probePrefix(cluster)}**`],
    // The driver's own; parts of our keys never begin with a dot.
    claims: ['.claims/**'],
    everything: [`${cluster}/**`],
  }
}
