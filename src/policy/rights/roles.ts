/**
 * Who may do what in a repository: five roles, and for each the kinds of objects that it reads, writes and deletes. The
 * policies of every vendor are made from this one table, and `doctor` judges credentials by it.
 *
 * Every role lists names and reads how the bucket is set up; none changes that, lifts a lock, or deletes a version.
 */

export const roles = ['writer', 'restorer', 'keeper', 'auditor', 'archivist'] as const
export type Role = (typeof roles)[number]

/** Kinds of objects that rights tell apart. Where they lie is given by the caller: see RepositoryPlaces. */
export const places = [
  /** What says that this is a repository, and of which cluster. */
  'identity',
  /** What says that a backup exists: small, readable without a key. */
  'records',
  /** The catalogue's index. */
  'index',
  /** Whole folders of backups: packs, manifests and records. */
  'backups',
  'packs',
  'manifests',
  'dumps',
  /** What a dump holds of the database, without the record that says that it exists. */
  'dumped',
  /** The repository inside the repository: all of it. */
  'archive',
  'wal',
  /** WAL but for histories. */
  'segments',
  /** Of timelines; they lie among the WAL and hold no data. */
  'histories',
  'leases',
  /** Notes of what is locked until when. */
  'locks',
  'holds',
  /** Requests to forget a person: their records, and what lies sealed beside them. */
  'erasures',
  'erasureRecords',
  'erasureSecrets',
  /** What restores did with them. */
  'applied',
  /** What is known of drills, and their index. */
  'drills',
  /** Notes of what an expiry is about to remove. */
  'expiries',
  /** Copies of audit trails. Whoever does something writes them, and nobody deletes them. */
  'audit',
  'probes',
  /** By which the S3 driver keeps writers apart where the server does not: see its claim.ts. */
  'claims',
  'everything',
] as const
export type Place = (typeof places)[number]

export interface RoleRights {
  /** Who this is, in a sentence for people. */
  readonly doc: string
  readonly read: readonly Place[]
  readonly write: readonly Place[]
  readonly delete: readonly Place[]
  /** Reads what was deleted or written over since: `restore --as-of`. */
  readonly readsOlderVersions: boolean
  /** Sets until when objects are locked, never earlier than they are. */
  readonly locks: boolean
}

export const rightsOf: Readonly<Record<Role, RoleRights>> = {
  writer: {
    doc: 'The database host: it puts backups and WAL, and neither reads them back nor deletes anything.',
    // The heads of WAL are compared when a segment is pushed twice; no vendor gives the right to a head alone.
    read: [
      'identity',
      'records',
      'index',
      'wal',
      'leases',
      'locks',
      'holds',
      'erasureRecords',
      'probes',
      'claims',
    ],
    write: [
      'identity',
      'backups',
      'index',
      'dumps',
      'wal',
      'leases',
      'locks',
      'audit',
      'erasures',
      'drills',
      'probes',
      'claims',
    ],
    delete: [],
    readsOlderVersions: false,
    locks: true,
  },
  restorer: {
    doc: 'Where restores, drills and verification run: it reads everything, and writes only what it did, reports of drills, and whom it made the restored forget.',
    read: ['identity', 'everything'],
    write: ['applied', 'drills', 'audit', 'claims'],
    delete: [],
    readsOlderVersions: true,
    locks: false,
  },
  keeper: {
    doc: 'Who expires backups: it reads records, deletes what retention lets go, and extends locks.',
    read: [
      'identity',
      'records',
      'index',
      'wal',
      'leases',
      'locks',
      'holds',
      'erasureRecords',
      'expiries',
      'probes',
    ],
    write: ['index', 'drills', 'leases', 'locks', 'holds', 'expiries', 'audit', 'probes', 'claims'],
    // Holds are not deleted: who held and released what stays written.
    delete: [
      'backups',
      'index',
      'dumps',
      'drills',
      'archive',
      'wal',
      'leases',
      'locks',
      'expiries',
      'probes',
      'claims',
    ],
    readsOlderVersions: false,
    locks: true,
  },
  auditor: {
    doc: 'Monitoring and people who look: it lists, and reads records and audit trails, never data.',
    read: [
      'identity',
      'records',
      'index',
      'histories',
      'leases',
      'locks',
      'holds',
      'audit',
      'erasureRecords',
    ],
    write: [],
    delete: [],
    readsOlderVersions: false,
    locks: false,
  },
  archivist: {
    doc: 'Who carries out the rules of the archive: it reads everything, since who copies has to, and writes into the archive only.',
    read: ['identity', 'everything'],
    write: ['archive', 'audit', 'claims'],
    delete: [],
    readsOlderVersions: false,
    locks: true,
  },
}

/** What holds the data of a cluster, and is not read by who does not need it. */
export const dataPlaces = [
  'packs',
  'manifests',
  'dumped',
  'segments',
  'erasureSecrets',
] as const satisfies readonly Place[]

/** Said as well, and not only left out: on some servers who wrote an object may read it, unless that is denied. */
export function unreadOf(role: Role): readonly Place[] {
  const { read } = rightsOf[role]
  if (read.includes('everything')) return []
  return dataPlaces.filter(place => !(place === 'segments' && read.includes('wal')))
}
