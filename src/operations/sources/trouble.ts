/**
 * Trouble with one repository that another one made good: told, in the result and as it happens, since a backup that
 * could be restored in spite of it is one copy poorer.
 */
import { Fault, isFault, type FaultCode } from '../../base/fault.ts'
import { formatDuration } from '../../base/units.ts'

export interface Trouble {
  /** By its name in the configuration. */
  readonly repository: string
  /** The stored object, as a key of the repository; undefined: the repository as a whole. */
  readonly object: string | undefined
  /** The file of the data directory that was being restored. */
  readonly path?: string | undefined
  readonly code: FaultCode
  readonly message: string
  /** The repository that was asked instead; undefined when there was none left to ask. */
  readonly instead: string | undefined
}

const damageCodes: ReadonlySet<FaultCode> = new Set([
  'OBJECT_CORRUPT',
  'OBJECT_MISSING',
  'OBJECT_CONFLICT',
  'OBJECT_COLD',
  'KEY_WRONG',
  'KEY_MISSING',
  'WAL_INVALID',
  'CLUSTER_MISMATCH',
  'REPOSITORY_FORMAT',
  'BACKUP_NOT_FOUND',
])

const outageCodes: ReadonlySet<FaultCode> = new Set([
  'STORAGE_DENIED',
  'STORAGE_UNAVAILABLE',
  'STORAGE_CREDENTIALS',
  'STORAGE_THROTTLED',
  'STORAGE_UNSUPPORTED',
  'STORAGE_FULL',
  'REPOSITORY_MISSING',
])

/** The repository answered, and what it has is no good. Another one may have it whole. */
export function isDamage(error: unknown): error is Fault {
  return isFault(error) && damageCodes.has(error.code)
}

/** The repository could not be asked. Nobody knows what it has. */
export function isOutage(error: unknown): error is Fault {
  return isFault(error) && outageCodes.has(error.code)
}

/** Whether asking another repository may help. */
export function isRepositoryTrouble(error: unknown): error is Fault {
  return isDamage(error) || isOutage(error)
}

export function silent(repository: string, ms: number): Fault {
  return new Fault(
    'STORAGE_UNAVAILABLE',
    `repository ${repository} gave no answer for ${formatDuration(ms)}`,
    {
      hint: 'Check that its storage can be reached from this host.',
    },
  )
}

export interface Failure {
  readonly repository: string
  readonly fault: Fault
}

/**
 * When no repository could give it. Where only one was asked, its own fault says all there is to say. `lacking` are those
 * that answered, and do not have it.
 */
export function nowhere(
  what: string,
  failures: readonly Failure[],
  askedCount: number,
  lacking: readonly string[] = [],
): Fault {
  const [first] = failures
  if (first && askedCount === 1) return first.fault
  const outages = failures.filter(({ fault }) => isOutage(fault))
  const lost = outages.map(({ repository }) => repository)
  const reasons = [
    ...failures.map(({ repository, fault }) => `${repository}: ${fault.message}`),
    ...lacking.map(repository => `${repository}: it is not there`),
  ]
  return new Fault(
    outages[0]?.fault.code ?? first?.fault.code ?? 'OBJECT_MISSING',
    `no repository could give ${what}; ${reasons.join('; ')}`,
    {
      hint:
        outages.length > 0
          ? `Bring ${listed(lost)} back into reach and try again; if it is lost for good, leave it out: ${lost.map(name => `--without ${name}`).join(' ')}.`
          : 'Run `holdfast verify --all` to see what else is damaged, and restore from another backup (--backup ID).',
      cause: first?.fault,
    },
  )
}

/** Collects troubles, each repository's trouble with an object once, and an outage once for each repository. */
export class TroubleLog {
  readonly #known = new Map<string, Trouble>()
  readonly #tell: (trouble: Trouble) => void

  constructor(tell: (trouble: Trouble) => void = () => undefined) {
    this.#tell = tell
  }

  add(trouble: Trouble): void {
    const { repository, object, code } = trouble
    const key = outageCodes.has(code) ? repository : [repository, object, code].join(' ')
    if (this.#known.has(key)) return
    this.#known.set(key, trouble)
    this.#tell(trouble)
  }

  all(): readonly Trouble[] {
    return [...this.#known.values()]
  }

  /** Repositories that broke off: what is read from now on had better not count on them. */
  unreachable(): readonly string[] {
    return this.all()
      .filter(({ code }) => outageCodes.has(code))
      .map(({ repository }) => repository)
  }
}

/** One line, for people. */
export function describeTrouble({ repository, object, path, message, instead }: Trouble): string {
  const at = [object, path === undefined ? undefined : `file ${path}`].filter(part => part !== undefined)
  const what = at.filter(part => !message.includes(part)).join(', ')
  const then = instead === undefined ? '' : `; taken from ${instead} instead`
  return `repository ${repository}: ${what === '' ? '' : `${what}: `}${message}${then}`
}

export const listed = (names: readonly string[]): string =>
  names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`
