/** Where everything lies in a repository. The one place that makes keys; docs/format.md is the law. */
import { assert } from '../base/assert.ts'
import { isKey } from '../storage/key.ts'
import type { Moved } from '../storage/with-moved.ts'
import { erasureIdPattern } from './format/erasure-record.ts'
import { backupIdPattern, drillIdPattern, dumpIdPattern, managedIdPattern } from './format/values.ts'

export const repositoryKey = 'holdfast.json'

/** Patterns (see ObjectRule) for the keys of each kind of object, in any cluster. */
export const objectPatterns = {
  backup: '*/backups/**',
  wal: '*/wal/**',
  dump: '*/dumps/**',
  archive: '*/archive/**',
} as const

/**
 * Of the archive, what is read before anything is brought back from it: records, indexes, manifests, histories of timelines.
 * Small, and kept where it can be read at once, whatever the class of the archive.
 */
export const archiveRecordPatterns = [
  '*/archive/*/*/*.json',
  '*/archive/*/*/kept/*',
  '*/archive/*/*/manifest.json.*',
  '*/archive/*/*/backup_manifest.*',
  '*/archive/*/*/parts/*.json.*',
  '*/archive/wal/*.history.*',
  '*/archive/catalog/**',
  '*/archive/dump-catalog/**',
  '*/archive/leases/**',
  '*/archive/locks/**',
] as const

/** The repository inside the repository: all of a cluster's folders once more, with what is kept for years. */
export const archiveOf = (cluster: string): Moved => ({
  seen: inCluster(cluster, ''),
  lies: inCluster(cluster, 'archive/'),
  common: [clusterKey(cluster)],
  name: 'archive',
})

/** Until when something of the archive is kept, and by which rule: beside what it is about. Ends in `/`. */
export const keptPrefix = (folder: string): string => `${folder}/kept/`
export const keptKey = (folder: string, name: string): string => `${keptPrefix(folder)}${name}.json`

/** Requests to forget a person, and that they were withdrawn. */
export const erasurePattern = '*/erasures/requests/**'

/** Of what will become a backup: deleted soon after. */
export const awaitingPattern = '*/backups/*/awaiting-wal.json'

export const clusterKey = (cluster: string): string => inCluster(cluster, 'cluster.json')

/** Ends in `/`. */
export const backupsPrefix = (cluster: string): string => `${inCluster(cluster, 'backups')}/`

/** Without a `/` at its end. */
export function backupFolder(cluster: string, id: string): string {
  assert(backupIdPattern.test(id), `${JSON.stringify(id)} is the id of a backup`)
  return inCluster(cluster, `backups/${id}`)
}

/** The commit of a backup: written last, deleted first. */
export const commitName = 'backup.json'
/** What will become `backup.json` once the WAL that the backup needs has arrived. */
export const awaitingName = 'awaiting-wal.json'

/** Relative to a backup's folder; packs are named in packs/pack-name.ts. `suffix` is that of pipeline/codec.ts. */
export const manifestName = (suffix: string): string => `manifest.json${suffix}`
export const backupManifestName = (suffix: string): string => `backup_manifest${suffix}`

/** `20260301T020000Z-full`. */
export function backupIdOf(startedAtMs: number, kind: 'full' | 'incremental' | 'snapshot'): string {
  return `${idTime(startedAtMs)}-${kind}`
}

const idTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`

/** Ends in `/`. */
export const dumpsPrefix = (cluster: string): string => `${inCluster(cluster, 'dumps')}/`

/** Without a `/` at its end. */
export function dumpFolder(cluster: string, id: string): string {
  assert(dumpIdPattern.test(id), `${JSON.stringify(id)} is the id of a dump`)
  return inCluster(cluster, `dumps/${id}`)
}

/** The commit of a dump. Sorts before everything else in its folder, as that of a backup does. */
export const dumpCommitName = 'dump.json'

/** Relative to a dump's folder; databases are numbered from 1. */
export const globalsName = (suffix: string): string => `globals.sql${suffix}`
export const dumpContentsName = (number: number, suffix: string): string =>
  `parts/${digits(number, 5)}.json${suffix}`
/** The custom shape: the one object. */
export const customDumpName = (number: number, suffix: string): string =>
  `parts/${digits(number, 5)}.dump${suffix}`
/** The directory shape: a file of it that has an object of its own, and the folder of its packs. */
export const directoryFileName = (number: number, file: string, suffix: string): string =>
  `parts/${digits(number, 5)}/${file}${suffix}`
export const directoryPackName = (number: number, pack: number, suffix: string): string =>
  `parts/${digits(number, 5)}/data/${digits(pack, 5)}.tar${suffix}`

/** `20260301T020000Z-dump`. */
export const dumpIdOf = (startedAtMs: number): string => `${idTime(startedAtMs)}-dump`

/** Ends in `/`. */
export const managedPrefix = (cluster: string): string => `${inCluster(cluster, 'managed')}/`

/** All that there is of a managed server's snapshot: it lies with the vendor. */
export function managedKey(cluster: string, id: string): string {
  assert(managedIdPattern.test(id), `${JSON.stringify(id)} is the id of a managed server's snapshot`)
  return `${managedPrefix(cluster)}${id}.json`
}

/** `20260301T020000Z-managed`. */
export const managedIdOf = (startedAtMs: number): string => `${idTime(startedAtMs)}-managed`

/** Ends in `/`. */
export const drillsPrefix = (cluster: string): string => `${inCluster(cluster, 'drills')}/`

/** Without a `/` at its end. */
export function drillFolder(cluster: string, id: string): string {
  assert(drillIdPattern.test(id), `${JSON.stringify(id)} is the id of a drill`)
  return `${drillsPrefix(cluster)}${id}`
}

/** The commit of a drill's report; sorts before what it names. */
export const drillCommitName = 'drill.json'
/** Relative to a drill's folder. */
export const drillReportName = (suffix: string): string => `report.json${suffix}`
export const drillPageName = (suffix: string): string => `report.html${suffix}`

/** `20260301T020000Z-drill`. */
export const drillIdOf = (startedAtMs: number): string => `${idTime(startedAtMs)}-drill`

/** When a backup or a dump began, by its id. */
export function idTimeMs(id: string): number {
  const iso = id.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z.*$/, '$1-$2-$3T$4:$5:$6Z')
  return Date.parse(iso)
}

/** Objects that are numbered upwards from 1; the highest counts. See numbered-objects.ts. */
export const numberedKey = (folder: string, number: number): string => `${folder}/${digits(number, 8)}.json`

export const leaseFolder = (cluster: string, name: string): string => inCluster(cluster, `leases/${name}`)
export const leaseKey = (cluster: string, name: string, counter: number): string =>
  numberedKey(leaseFolder(cluster, name), counter)

/** Of numbered objects: the catalogue's index. */
export const catalogFolder = (cluster: string): string => inCluster(cluster, 'catalog')
/** The same of dumps. */
export const dumpCatalogFolder = (cluster: string): string => inCluster(cluster, 'dump-catalog')
/** The same of drills. */
export const drillCatalogFolder = (cluster: string): string => inCluster(cluster, 'drill-catalog')
/** Of numbered objects: notes of what was locked until when. */
export const locksFolder = (cluster: string): string => inCluster(cluster, 'locks')

/** Ends in `/`. */
export const holdsPrefix = (cluster: string): string => `${inCluster(cluster, 'holds')}/`
/** Of numbered objects: who holds this one, and who does no longer. */
export const holdFolder = (cluster: string, id: string): string => `${holdsPrefix(cluster)}${id}`
/** Requests to forget a person, and what came of them. Ends in `/`. */
export const erasuresPrefix = (cluster: string): string => `${inCluster(cluster, 'erasures')}/`
export const erasureRequestsPrefix = (cluster: string): string => `${erasuresPrefix(cluster)}requests/`
export const erasuresAppliedPrefix = (cluster: string): string => `${erasuresPrefix(cluster)}applied/`
/** Of the file names that follow, in the folder of a request; `suffix` is that of pipeline/codec.ts. */
export function erasureKey(cluster: string, id: string, name: string): string {
  assert(erasureIdPattern.test(id), `${JSON.stringify(id)} is the id of a request to forget`)
  return `${erasureRequestsPrefix(cluster)}${id}/${name}`
}
/** Written last. */
export const erasureName = 'request.json'
export const erasureSecretName = (suffix: string): string => `statements.json${suffix}`
export const withdrawalName = 'withdrawn.json'
export const withdrawalSecretName = (suffix: string): string => `reason.json${suffix}`
export const erasureAppliedKey = (cluster: string, run: string): string =>
  `${erasuresAppliedPrefix(cluster)}${run}.json`

/** `20260301T020000Z-erasure-1f00a2c4`: there may be several in a second. */
export const erasureIdOf = (atMs: number, random: Uint8Array): string =>
  `${idTime(atMs)}-erasure-${Buffer.from(random.subarray(0, 4)).toString('hex')}`
export const erasureRunOf = (atMs: number, random: Uint8Array): string =>
  `${idTime(atMs)}-${Buffer.from(random.subarray(0, 4)).toString('hex')}`

/** Of numbered objects: what expiries are about to remove. */
export const expiriesFolder = (cluster: string): string => inCluster(cluster, 'expiries')

/** Copies of the audit trails of the hosts that work on this cluster. Ends in `/`. */
export const auditPrefix = (cluster: string): string => `${inCluster(cluster, 'audit')}/`
/** Of one host's. Ends in `/`. */
export function auditChainPrefix(cluster: string, chain: string): string {
  assert(/^[a-z0-9-]{1,64}$/.test(chain), `${JSON.stringify(chain)} is the name of a chain`)
  return `${auditPrefix(cluster)}${chain}/`
}

/** Small objects that the doctor writes and takes away again. Ends in `/`. */
export const probePrefix = (cluster: string): string => `${inCluster(cluster, 'probes')}/`

/** Ends in `/`. */
export const walPrefix = (cluster: string): string => `${inCluster(cluster, 'wal')}/`

/**
 * Segments (with their `.partial` and `.backup` companions) lie in a folder for each timeline and each 4 GiB of it, so
 * that no folder grows large; history files lie beside the timelines' folders.
 */
export function walKey(cluster: string, name: string, suffix: string): string {
  const timeline = name.slice(0, 8)
  const folder = name.endsWith('.history') ? '' : `${timeline}/${name.slice(8, 16)}/`
  return `${walPrefix(cluster)}${folder}${name}${suffix}`
}

/** The name of the WAL file that an object holds; undefined when the key is not one that walKey makes. */
export function walNameOf(cluster: string, key: string): string | undefined {
  const name = /([^/]+?)\.zst(?:\.age)?$/.exec(key)?.[1]
  const suffix = key.endsWith('.age') ? '.zst.age' : '.zst'
  return name !== undefined && walKey(cluster, name, suffix) === key ? name : undefined
}

function inCluster(cluster: string, rest: string): string {
  assert(isKey(cluster) && !cluster.includes('/'), `${JSON.stringify(cluster)} is the name of a cluster`)
  return `${cluster}/${rest}`
}

function digits(number: number, width: number): string {
  assert(
    Number.isSafeInteger(number) && number > 0 && number < 10 ** width,
    `${String(number)} has at most ${String(width)} digits`,
  )
  return String(number).padStart(width, '0')
}
