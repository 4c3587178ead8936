/** Judges how a bucket is set up, and how it is reached, against what the configuration says. Decides only. */
import { formatDuration, formatTime, hour, second } from '../../../base/units.ts'
import type { BucketPlace } from '../../../policy/rights/bucket-place.ts'
import { aws } from '../../../policy/rights/s3-bucket.ts'
import type { LifecycleRule, UnfinishedUpload } from '../../../storage/bucket-settings.ts'
import type { StorageTraits } from '../../../storage/storage.ts'
import { advice, ok, problem, type Finding } from '../finding.ts'

/** `name`: of the repository. */
export function judgeTransport(name: string, { endpoint, sealed }: BucketPlace): readonly Finding[] {
  if (endpoint?.startsWith('http:') !== true || isLoopback(endpoint)) return []
  const fix = 'Use an https:// endpoint; certificates of an own authority go under ca_file.'
  const told = `repository ${name} is reached without TLS: ${endpoint}`
  return [
    sealed
      ? advice('storage', `${told}; others on the way can see what is stored, sealed, and when`, fix)
      : problem('storage', `${told}, and nothing is encrypted: others on the way can read every page`, fix),
  ]
}

function isLoopback(endpoint: string): boolean {
  const host = URL.parse(endpoint)?.hostname ?? ''
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d+){3}$/.test(host)
}

export function judgeTraits(
  name: string,
  place: BucketPlace,
  { versioned, lockable, encryption }: StorageTraits,
): readonly Finding[] {
  return [
    ...versions(name, place, versioned),
    ...locks(name, place, lockable),
    ...(encryption === undefined
      ? []
      : [ok('storage', `repository ${name} is encrypted by the server: ${encryption}`)]),
  ]
}

function versions(name: string, place: BucketPlace, versioned: boolean | undefined): readonly Finding[] {
  if (versioned === true) return [ok('storage', `repository ${name} keeps what is deleted or overwritten`)]
  if (versioned === undefined)
    return [ok('storage', `whether repository ${name} keeps older versions can not be told from here`)]
  return [
    advice(
      'storage',
      `repository ${name} keeps no older versions: what somebody deletes or overwrites with stolen credentials is gone, and \`restore --as-of\` has nothing to read`,
      `Turn versions on: ${versionCommand(place)}; ${
        // Ceph 16 is one of them.
        place.endpoint === undefined
          ? ''
          : 'then run holdfast doctor again, since some servers do not refuse a second write where they keep versions; '
      }and limit how long they stay: holdfast policy lifecycle --versions-after 90d.`,
    ),
  ]
}

function versionCommand(place: BucketPlace): string {
  const { kind, bucket } = place
  if (kind === 'gs') return `gcloud storage buckets update gs://${bucket} --versioning`
  if (kind === 'az')
    return 'az storage account blob-service-properties update --account-name ACCOUNT --enable-versioning true'
  return `${aws(place)} put-bucket-versioning --bucket ${bucket} --versioning-configuration Status=Enabled`
}

function locks(name: string, { kind, lock }: BucketPlace, lockable: boolean | undefined): readonly Finding[] {
  if (lock === undefined) return []
  if (lockable === true) return [ok('storage', `objects can be locked in repository ${name}, as configured`)]
  if (lockable === undefined)
    return [ok('storage', `whether objects can be locked in repository ${name} can not be told from here`)]
  return [
    problem(
      'storage',
      `the configuration locks objects (${lock}), and repository ${name} can not`,
      kind === 's3'
        ? 'Object lock is turned on when a bucket is made (--object-lock-enabled-for-bucket), or later by its operator; else take `lock` out of the configuration.'
        : 'Turn on retention for single objects (Google) or version-level immutability (Azure); else take `lock` out of the configuration.',
    ),
  ]
}

/** Rules of the bucket that would take what Holdfast still needs. */
export function judgeLifecycle(
  name: string,
  { root }: BucketPlace,
  rules: readonly LifecycleRule[],
): readonly Finding[] {
  const active = rules.filter(({ enabled, prefix }) => enabled && meets(prefix, root))
  const deleting = active.filter(
    ({ expiresAfterDays, prefix }) => expiresAfterDays !== undefined && prefix !== `${root}.claims/`,
  )
  const found = deleting.map(({ id, expiresAfterDays, prefix }) =>
    problem(
      'storage',
      `the lifecycle rule "${id}" deletes what Holdfast keeps in repository ${name}: all under "${prefix}" after ${String(expiresAfterDays)} days, backups and the WAL they need at different times`,
      'Remove that rule, or limit it to other names; what goes, and when, is for `retention` and holdfast expire to say.',
    ),
  )
  const archiving = active.filter(({ movesTo }) => movesTo.some(isArchive))
  for (const { id, movesTo } of archiving)
    found.push(
      advice(
        'storage',
        `the lifecycle rule "${id}" moves objects of repository ${name} to ${movesTo.join(', ')}, from where they have to be thawed before a restore`,
        'Say with `classes` what goes where when it is written, and remove that rule.',
      ),
    )
  if (!active.some(({ abortsUploadsAfterDays }) => abortsUploadsAfterDays !== undefined))
    found.push(
      advice(
        'storage',
        `no lifecycle rule gives up unfinished uploads of repository ${name}; what broken-off ones leave costs money, and no listing shows it`,
        'Set the rules that `holdfast policy lifecycle` prints.',
      ),
    )
  return found.length > 0
    ? found
    : [ok('storage', `no lifecycle rule touches what is kept in repository ${name}`)]
}

/** A rule for `a/` meets the repository in `a/b/`, and one for `a/b/wal` does, too. */
const meets = (prefix: string, root: string): boolean => root.startsWith(prefix) || prefix.startsWith(root)

const isArchive = (storageClass: string): boolean => /^(?:GLACIER|DEEP_ARCHIVE)$/.test(storageClass)

export function judgeUploads(
  name: string,
  uploads: readonly UnfinishedUpload[],
  nowMs: number,
): readonly Finding[] {
  const old = uploads.filter(({ begunMs }) => nowMs - begunMs > staleMs)
  if (old.length === 0) return []
  const oldestMs = Math.min(...old.map(({ begunMs }) => begunMs))
  return [
    advice(
      'storage',
      `${String(old.length)} unfinished uploads in repository ${name} are older than a day, the oldest ${formatDuration(nowMs - oldestMs)}`,
      'Set the rules that `holdfast policy lifecycle` prints: they give up what nobody will finish.',
    ),
  ]
}

const staleMs = 24 * hour

export function judgeCredentials(
  name: string,
  endMs: number | 'never' | undefined,
  nowMs: number,
): readonly Finding[] {
  if (endMs === undefined || endMs === 'never') return []
  const until = formatTime(Math.floor(endMs / second) * second)
  if (endMs <= nowMs)
    return [
      problem('rights', `the credentials for ${name} ended at ${until}`, 'Renew them, and run this again.'),
    ]
  return [ok('rights', `the credentials for ${name} are temporary: these end at ${until}`)]
}
