/**
 * The findings of `status`, as a catalogue: what each is about, and which page says what to do. A finding is known by its
 * code, the repository that it is about (none: the server, the host, the whole) and its subject, also from one look to the next.
 */
export const findingCatalogue = {
  'repository-unreachable': {
    about: 'A repository gave no answer, or refused access.',
    runbook: 'repository-out-of-reach',
  },
  'backup-missing': { about: 'A repository holds no backup.', runbook: 'backup-late-or-failed' },
  'backup-late': {
    about:
      'A backup, dump or snapshot is not done though its job was due; without such a job, the newest backup is old.',
    runbook: 'backup-late-or-failed',
  },
  'backup-corrupt': {
    about: 'The newest backup was taken of data whose pages fail their checksums.',
    runbook: 'corruption',
  },
  'size-unusual': {
    about: 'The newest full backup or dump is half, or twice, as large as those before.',
    runbook: 'size-unusual',
  },
  'key-wrong': {
    about: 'The key that is configured can not be read, or does not open what is sealed now.',
    runbook: 'key-lost-or-leaked',
  },
  'drill-late': { about: 'No drill was run though its job was due.', runbook: 'job-failed' },
  'job-late': { about: 'Another job was due, and is not done.', runbook: 'job-failed' },
  'backup-unreadable': {
    about: 'The record of a backup can not be read.',
    runbook: 'window-gap',
  },
  'backup-cold': {
    about: 'The record of a backup lies in a storage class that has to be thawed before it can be read.',
    runbook: 'rpo-or-rto-missed',
  },
  'backup-awaits-wal': {
    about: 'A backup is there, and the WAL that makes it consistent is not.',
    runbook: 'archiving-fails',
  },
  'snapshot-vanished': { about: 'A snapshot is gone, or has failed.', runbook: 'snapshot-gone' },
  'snapshot-copy-lost': {
    about: "A snapshot's copy in another region is gone, has failed, or takes too long.",
    runbook: 'snapshot-gone',
  },
  'snapshot-unknown': {
    about: 'Who made the snapshots of a managed server could not be asked.',
    runbook: 'snapshot-gone',
  },
  'nothing-restorable': {
    about: 'There are backups, and none of them leads anywhere.',
    runbook: 'window-gap',
  },
  'window-gap': { about: 'WAL is missing, with no backup after it.', runbook: 'window-gap' },
  'repository-behind': {
    about: 'A repository lacks what another one has: a copy, or one that is written, too.',
    runbook: 'repository-behind',
  },
  'wal-owed': {
    about: 'A repository lacks WAL that PostgreSQL was told is safe, since others have it.',
    runbook: 'repository-behind',
  },
  'rpo-over-target': {
    about: 'More would be lost now than `objectives.rpo` allows.',
    runbook: 'rpo-or-rto-missed',
  },
  'rto-over-target': {
    about: 'The return would take longer than `objectives.rto` allows, as drills tell.',
    runbook: 'rpo-or-rto-missed',
  },
  'other-cluster': {
    about: 'The server is another cluster than the one whose backups these are.',
    runbook: 'archiving-fails',
  },
  'server-unreachable': {
    about: 'PostgreSQL gave no answer, or refused access: how its archiving goes is not known.',
    runbook: 'server-out-of-reach',
  },
  'archiver-failing': {
    about: 'PostgreSQL can not hand its WAL over, or does not try.',
    runbook: 'archiving-fails',
  },
  'archiver-behind': {
    about: 'WAL is written faster than it is archived, or its disk is nearly full.',
    runbook: 'archiving-fails',
  },
  'slot-lag': {
    about:
      'A replication slot that nobody reads makes the server keep WAL, or has lost what its reader needs.',
    runbook: 'slot-keeps-wal',
  },
  'clock-skew': {
    about: 'The clock of the server, or of a storage, does not agree with that of this host.',
    runbook: 'clocks-differ',
  },
  'certificate-expires': {
    about: "The certificate of a storage's endpoint ends soon, or has ended.",
    runbook: 'about-to-expire',
  },
  'credentials-expire': {
    about: 'The credentials for a storage end soon, or have ended, and do not renew themselves.',
    runbook: 'about-to-expire',
  },
  'job-failed': {
    about: 'A job of the agent failed, or was given up until its next run.',
    runbook: 'job-failed',
  },
  'job-findings': {
    about: 'A job of the agent is done and found damage.',
    runbook: 'job-failed',
  },
  'configuration-refused': {
    about: 'The agent goes on with an older configuration, since the file has mistakes.',
    runbook: 'agent-can-not-tell',
  },
  'status-unknown': {
    about: 'The agent can not find out how things stand.',
    runbook: 'agent-can-not-tell',
  },
  'sink-failing': {
    about: 'Alerts do not arrive at a sink.',
    runbook: 'agent-can-not-tell',
  },
} as const satisfies Readonly<Record<string, { readonly about: string; readonly runbook: string }>>

export type FindingCode = keyof typeof findingCatalogue

export interface StatusFinding {
  /** Which kind of trouble: see findingCatalogue. */
  readonly code: FindingCode
  readonly state: 'warning' | 'critical'
  /** Null when it is about the server, the host, or the strategy as a whole. */
  readonly repository: string | null
  /** Which one, where there can be several: a backup, a job, a slot, where a gap begins. */
  readonly subject: string | null
  readonly message: string
  /** What to do. */
  readonly fix: string
  /** The page that says more: a path in the project. */
  readonly runbook: string
}

interface Told extends Pick<StatusFinding, 'state' | 'repository' | 'message' | 'fix'> {
  readonly subject?: string
}

export function findingOf(code: FindingCode, told: Told): StatusFinding {
  const { state, repository, subject = null, message, fix } = told
  const runbook = `docs/runbooks/${findingCatalogue[code].runbook}.md`
  return { code, state, repository, subject, message, fix, runbook }
}

export const warningOf = (code: FindingCode, told: Omit<Told, 'state'>): StatusFinding =>
  findingOf(code, { state: 'warning', ...told })
