/**
 * Faults: something outside this program went wrong, and we can say what to do about it.
 *
 * One catalogue holds every code with its exit status and whether trying again may help. docs/errors.md is
 * generated from it. A failing assertion is not a fault: it is a bug of ours, see assert.ts.
 */
interface FaultKind {
  /** The status that the process ends with. */
  readonly exit: number
  /** Whether the same call may succeed a moment later without anybody doing anything. */
  readonly retry: boolean
  /** One sentence for docs/errors.md: when this happens. */
  readonly doc: string
}

const catalogue = {
  FAILED: { exit: 1, retry: false, doc: 'Something failed that no other code names.' },
  INTERRUPTED: {
    exit: 130,
    retry: false,
    doc: 'The command was stopped by a signal, and cleaned up after itself.',
  },

  USAGE: {
    exit: 2,
    retry: false,
    doc: 'The command line has a wrong word, or words that do not go together.',
  },
  CONFIG_MISSING: { exit: 2, retry: false, doc: 'No configuration file was found.' },
  CONFIG_INVALID: {
    exit: 2,
    retry: false,
    doc: 'The configuration file has a key or value that is not valid.',
  },

  REPOSITORY_MISSING: {
    exit: 10,
    retry: false,
    doc: 'The place that the URL names holds no Holdfast repository, or not this cluster.',
  },
  REPOSITORY_LOCKED: { exit: 11, retry: true, doc: 'Another process holds the lease for this work.' },
  REPOSITORY_FORMAT: {
    exit: 12,
    retry: false,
    doc: 'The repository was written in a format that this version does not read.',
  },
  LEASE_LOST: {
    exit: 13,
    retry: true,
    doc: 'The lease ran out or was taken over while the work was under way.',
  },
  BACKUP_NOT_FOUND: { exit: 14, retry: false, doc: 'There is no backup with this id.' },
  CLUSTER_MISMATCH: {
    exit: 15,
    retry: false,
    doc: 'The data or WAL belongs to another cluster (another system identifier) than the repository.',
  },
  CLOCK_WRONG: {
    exit: 16,
    retry: false,
    doc: "This host's clock is far from that of the storage, and what was asked for depends on the time.",
  },

  OBJECT_CORRUPT: {
    exit: 20,
    retry: false,
    doc: 'A stored object is not what was written: its hash, its seal or its structure is wrong.',
  },
  OBJECT_MISSING: { exit: 21, retry: false, doc: 'A stored object that another one names is not there.' },
  OBJECT_CONFLICT: {
    exit: 22,
    retry: false,
    doc: 'An object of this name is there already with other bytes. Nothing stored is ever replaced.',
  },
  KEY_WRONG: { exit: 23, retry: false, doc: 'None of the identities given opens this object.' },
  KEY_MISSING: { exit: 24, retry: false, doc: 'The object is encrypted and no identity was given.' },
  OBJECT_COLD: {
    exit: 26,
    retry: false,
    doc: 'What is needed lies in a storage class that has to be thawed before it can be read.',
  },
  DUMP_INVALID: {
    exit: 27,
    retry: false,
    doc: 'What should be an archive of pg_dump is none that can be read: cut off, damaged, or of an unknown version.',
  },
  DUMP_FAILED: {
    exit: 28,
    retry: false,
    doc: 'pg_dump or pg_dumpall ended before it had dumped everything; what it said is told. Nothing of the dump was kept.',
  },
  VERIFY_FAILED: { exit: 25, retry: false, doc: 'Verification found damage; it is listed.' },

  STORAGE_DENIED: { exit: 30, retry: false, doc: 'The storage refused access.' },
  STORAGE_UNAVAILABLE: { exit: 31, retry: true, doc: 'The storage could not be reached, or broke off.' },
  STORAGE_FULL: {
    exit: 32,
    retry: false,
    doc: 'The storage has no space left (or no inodes, or a quota is used up).',
  },

  STORAGE_CREDENTIALS: {
    exit: 33,
    retry: false,
    doc: 'No credentials for the storage were found, or they are wrong or have expired.',
  },
  STORAGE_UNSUPPORTED: {
    exit: 34,
    retry: false,
    doc: 'The storage can not do what is asked of it: refuse a second write, lock, keep versions, ….',
  },
  STORAGE_THROTTLED: {
    exit: 35,
    retry: true,
    doc: 'The storage asked to be called less often, longer than the budget for retries.',
  },
  OBJECT_LOCKED: {
    exit: 36,
    retry: false,
    doc: 'A lock protects the object: it can not be deleted before the time that is named.',
  },
  REPOSITORY_BEHIND: {
    exit: 37,
    retry: true,
    doc: 'A repository that should hold a copy lacks some of it, or could not be reached; what is missing is listed.',
  },

  POSTGRES_UNREACHABLE: {
    exit: 40,
    retry: true,
    doc: 'The PostgreSQL server could not be reached, or the connection broke.',
  },
  POSTGRES_REFUSED: {
    exit: 41,
    retry: false,
    doc: 'PostgreSQL refused a statement: rights, settings or state.',
  },
  POSTGRES_UNSUPPORTED: { exit: 42, retry: false, doc: 'This version of PostgreSQL is not supported.' },
  DATA_DIRECTORY: {
    exit: 43,
    retry: false,
    doc: 'The data directory can not be read, or is not that of the server connected to.',
  },
  ARCHIVER_FAILING: {
    exit: 44,
    retry: true,
    doc: 'PostgreSQL does not archive WAL, or its archive_command fails.',
  },
  WAL_TIMEOUT: {
    exit: 45,
    retry: true,
    doc: 'The WAL that a backup needs did not arrive in the repository.',
  },
  WAL_INVALID: { exit: 46, retry: false, doc: 'A file is not the WAL segment that its name says.' },
  WAL_CORRUPT: { exit: 47, retry: false, doc: 'WAL records could not be read.' },
  SERVER_START: {
    exit: 48,
    retry: false,
    doc: 'The restored server did not start or did not reach the target.',
  },
  PROGRAM_MISSING: {
    exit: 49,
    retry: false,
    doc: 'A client program of PostgreSQL (pg_dump, pg_restore, …) is missing, or older than it must be.',
  },

  TARGET_UNREACHABLE: {
    exit: 50,
    retry: false,
    doc: 'The recovery target can not be reached with what is stored; the nearest that can is named.',
  },
  TARGET_DIRECTORY: {
    exit: 51,
    retry: false,
    doc: 'The directory to restore into is not fit: not empty, in use, or not writable.',
  },
  RESTORE_UNSURE: {
    exit: 53,
    retry: false,
    doc: 'A repository that could not be read may hold a newer backup or more WAL than the restore would use, and nobody was there to ask.',
  },
  SPACE: { exit: 52, retry: false, doc: 'There is too little space for what is to be written.' },

  SNAPSHOT_FAILED: {
    exit: 70,
    retry: true,
    doc: 'The program or the cloud that makes snapshots of volumes failed, or took too long.',
  },
  SNAPSHOT_UNSUPPORTED: {
    exit: 71,
    retry: false,
    doc: 'A volume can not be snapshotted by the provider that the configuration names, or its program is not installed.',
  },
  SNAPSHOT_MISSING: {
    exit: 72,
    retry: false,
    doc: 'The volumes of a snapshot are gone, or can not be reached from this host.',
  },

  NAME_NOT_FOUND: {
    exit: 58,
    retry: false,
    doc: 'There is no table, schema or database of this name, as far back as was read; names that are like it are told.',
  },
  DATABASE_EXISTS: {
    exit: 53,
    retry: false,
    doc: 'The database to restore into is there already, or can not be taken out of use.',
  },
  RESTORE_FAILED: {
    exit: 54,
    retry: false,
    doc: 'pg_restore failed. What was half done has been removed.',
  },
  ROWS_DIFFER: {
    exit: 55,
    retry: false,
    doc: 'Restored tables do not have as many rows as the dump recorded; they are listed.',
  },

  ERASURE_FAILED: {
    exit: 56,
    retry: false,
    doc: 'A request to forget a person could not be applied to what was restored, so nobody was let in.',
  },
  ERASURE_INVALID: {
    exit: 57,
    retry: false,
    doc: 'A request to forget a person can not be stored: its SQL is no SQL, or fails on the live server.',
  },

  DOCTOR_FINDINGS: { exit: 60, retry: false, doc: 'The doctor found something that has to be changed.' },
  BACKUP_DAMAGED_PAGES: {
    exit: 61,
    retry: false,
    doc: 'The backup is complete, but pages of the source fail their checksum; they are listed.',
  },
  DRILL_FAILED: {
    exit: 63,
    retry: false,
    doc: 'A drill found something that can not be relied on: what it restored did not come back, or gave a wrong answer. Its report says which.',
  },
  WAL_GAPS: { exit: 62, retry: false, doc: 'The archive has gaps; they are listed.' },

  DRILL_NOT_FOUND: { exit: 113, retry: false, doc: 'There is no drill with this id.' },
  SIGNATURE_INVALID: {
    exit: 110,
    retry: false,
    doc: 'The signature of what is told of a drill is missing, or does not fit what it says.',
  },
  SIGNER_UNKNOWN: {
    exit: 111,
    retry: false,
    doc: 'What is told of a drill has a good signature, by a key that is none of those known here.',
  },
  SIGNING_KEY: {
    exit: 112,
    retry: false,
    doc: 'The key that a host signs its drills with can not be read, made or used.',
  },

  AGENT_UNREACHABLE: { exit: 90, retry: true, doc: 'No agent answers at its socket.' },
  AGENT_REFUSED: { exit: 91, retry: false, doc: 'The agent did not do what it was asked; it says why.' },
  AGENT_RUNNING: { exit: 92, retry: false, doc: 'Another agent works with the same folder.' },
  AGENT_STATE: {
    exit: 93,
    retry: false,
    doc: 'The agent can not use the folder in which it remembers, or can not listen at its socket.',
  },

  AUDIT_UNWRITABLE: {
    exit: 110,
    retry: true,
    doc: 'The audit trail can not be written, and the configuration says that nothing is done without it.',
  },
  AUDIT_UNREADABLE: { exit: 111, retry: false, doc: 'The audit trail can not be read.' },
  AUDIT_BROKEN: {
    exit: 112,
    retry: false,
    doc: 'Entries of the audit trail are missing, were changed, or stand in another order; they are listed.',
  },
  HOOK_FAILED: {
    exit: 113,
    retry: true,
    doc: 'A hook that the configuration runs before the operation failed or took too long. Nothing was done.',
  },
  HOOK_AFTER_FAILED: {
    exit: 114,
    retry: false,
    doc: 'The operation is done, and a hook that the configuration runs after it failed or took too long.',
  },

  SINK_REFUSED: {
    exit: 94,
    retry: false,
    doc: 'A sink of alerts answered that it does not take a message: wrong address, wrong secret, wrong recipient.',
  },
  SINK_UNAVAILABLE: {
    exit: 95,
    retry: true,
    doc: 'A sink of alerts could not be reached, or asked to be called later.',
  },

  CLOUD_DENIED: {
    exit: 75,
    retry: false,
    doc: "The cloud's API for volumes or managed servers refused: the rights are missing.",
  },
  CLOUD_CREDENTIALS: {
    exit: 76,
    retry: false,
    doc: "No credentials for the cloud's API were found, or they are wrong or have expired.",
  },
  CLOUD_UNAVAILABLE: {
    exit: 77,
    retry: true,
    doc: "The cloud's API could not be reached, or broke off.",
  },
  CLOUD_THROTTLED: {
    exit: 78,
    retry: true,
    doc: "The cloud's API asked to be called less often, longer than the budget for retries.",
  },
  CLOUD_QUOTA: {
    exit: 79,
    retry: false,
    doc: 'A quota of the account is used up: snapshots, copies at the same time, volumes, instances.',
  },
  CLOUD_REFUSED: {
    exit: 80,
    retry: false,
    doc: "The cloud's API refused a request for another reason, which it names: a state, a parameter.",
  },
} as const satisfies Record<string, FaultKind>

export type FaultCode = keyof typeof catalogue

/** The catalogue, for the generated reference. */
export const faultCatalogue: Readonly<Record<FaultCode, FaultKind>> = catalogue

/**
 * A failure with its code, a message (lower case, no full stop, names the object and the numbers) and a hint
 * (a full sentence that starts with what to do next).
 */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: FaultCode
  readonly hint: string

  constructor(code: FaultCode, message: string, more: { readonly hint: string; readonly cause?: unknown }) {
    super(message, { cause: more.cause })
    this.code = code
    this.hint = more.hint
  }

  get exit(): number {
    return catalogue[this.code].exit
  }

  get retry(): boolean {
    return catalogue[this.code].retry
  }
}

/** Whether `error` is a fault, and (if asked) one of these codes. */
export function isFault(error: unknown, ...codes: readonly FaultCode[]): error is Fault {
  return error instanceof Fault && (codes.length === 0 || codes.includes(error.code))
}

/** The code of a Node.js system error (`ENOENT`, `ENOSPC`, …), if it is one. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
