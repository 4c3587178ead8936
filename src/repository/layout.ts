/** Where everything lies in a repository. The one place that makes keys; docs/format.md is the law. */
import { assert } from '../base/assert.ts'
import { isKey } from '../storage/key.ts'
import { backupIdPattern } from './format/values.ts'

export const repositoryKey = 'holdfast.json'

/** Patterns (see ObjectRule) for the keys of each kind of object, in any cluster. */
export const objectPatterns = {
  backup: '*/backups/**',
  wal: '*/wal/**',
  dump: '*/dumps/**',
  archive: '*/archive/**',
} as const

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

/**
 * Greater than the key of every object of a backup, and not greater than those of any other: listing goes on behind the
 * backup, however many packs it has.
 */
export const afterBackup = (cluster: string, id: string): string => `${backupFolder(cluster, id)}0`

/** The commit of a backup: written last, deleted first. */
export const commitName = 'backup.json'
/** What will become `backup.json` once the WAL that the backup needs has arrived. */
export const awaitingName = 'awaiting-wal.json'

/** Relative to a backup's folder; packs are named in packs/pack-name.ts. `suffix` is that of pipeline/codec.ts. */
export const manifestName = (suffix: string): string => `manifest.json${suffix}`
export const backupManifestName = (suffix: string): string => `backup_manifest${suffix}`

/** `20260301T020000Z-full`. */
export function backupIdOf(startedAtMs: number, kind: 'full' | 'incremental'): string {
  const time = new Date(startedAtMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')
  return `${time}Z-${kind}`
}

/** When a backup began, by its id. */
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
/** Of numbered objects: notes of what was locked until when. */
export const locksFolder = (cluster: string): string => inCluster(cluster, 'locks')

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
