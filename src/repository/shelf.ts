/** A shelf: a folder of a cluster with a folder for each backup, each dump, or each drill, and how to tell what stands on it. */
import { backupIdPattern, drillIdPattern, dumpIdPattern } from './format/values.ts'
import {
  backupFolder,
  backupsPrefix,
  commitName,
  drillCommitName,
  drillFolder,
  drillsPrefix,
  dumpCommitName,
  dumpFolder,
  dumpsPrefix,
} from './layout.ts'
import type { LeaseName } from './lease-objects.ts'

export interface Shelf {
  /** What stands on it, for people. */
  readonly word: 'backup' | 'dump' | 'drill'
  /** Whoever writes or deletes here holds it. */
  readonly lease: LeaseName
  readonly idPattern: RegExp
  /** Ends in `/`. */
  readonly prefix: (cluster: string) => string
  /** Without a `/` at its end. */
  readonly folder: (cluster: string, id: string) => string
  /** The object that makes it exist: written last, deleted first, before all others in the order of their keys. */
  readonly commitName: string
  /** Names of our objects, relative to a folder. Others were put there by somebody else, and are none of our business. */
  readonly ownNames: RegExp
}

const suffix = String.raw`\.zst(\.age)?`

export const backupShelf: Shelf = {
  word: 'backup',
  lease: 'backup',
  idPattern: backupIdPattern,
  prefix: backupsPrefix,
  folder: backupFolder,
  commitName,
  ownNames: new RegExp(
    String.raw`^((backup|awaiting-wal)\.json|(manifest\.json|backup_manifest|data/\d{5,}\.tar)${suffix}|kept/[^/]+\.json)$`,
  ),
}

export const dumpShelf: Shelf = {
  word: 'dump',
  lease: 'dump',
  idPattern: dumpIdPattern,
  prefix: dumpsPrefix,
  folder: dumpFolder,
  commitName: dumpCommitName,
  ownNames: new RegExp(
    String.raw`^(dump\.json|(globals\.sql|parts/\d{5}\.(json|dump)|parts/\d{5}/(data/\d{5,}\.tar|[^/]+))${suffix}|kept/[^/]+\.json)$`,
  ),
}

/** Reports of drills: small, and written whole within moments. */
export const drillShelf: Shelf = {
  word: 'drill',
  lease: 'drill',
  idPattern: drillIdPattern,
  prefix: drillsPrefix,
  folder: drillFolder,
  commitName: drillCommitName,
  ownNames: new RegExp(String.raw`^(drill\.json|report\.(json|html)${suffix})$`),
}

/** Of a backup or a dump, by its id. */
export const shelfOf = (id: string): Shelf => (dumpIdPattern.test(id) ? dumpShelf : backupShelf)
