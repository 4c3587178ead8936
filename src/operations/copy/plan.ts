/**
 * Decides what is copied, in which order, and why. Touches nothing.
 *
 * The order is made so that the copy is worth something as early as it can be, and never says more than is true: histories
 * of timelines first; the newest full backup with what is based on it, each after the WAL that makes it consistent; the WAL
 * that leads on from there; the newest dump; then what is older, the same way. Where no backup is missing, WAL comes before dumps.
 */
import { limits } from '../../base/limits.ts'
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import { namesOfBackup } from './backup-wal.ts'
import type { Held, Holdings, StoredWal } from './holdings.ts'
import { chooseDumps, type DumpStep, type DumpsToCopy } from './plan-dumps.ts'
import { basedOnUnread, isUnread, unreadOf, type Unread } from './unread.ts'

export interface CopyRequest {
  readonly source: Holdings
  readonly destination: Held
  readonly segmentSizeBytes: number
  /** Objects are copied byte by byte, so that sizes can be compared. */
  readonly isVerbatim: boolean
  /** Whether what is there already is held against the source, as far as an earlier copy may have left it unchecked. */
  readonly recheck: boolean
  /** Only these backups, and the ones that they are based on. */
  readonly ids?: readonly string[] | undefined
  readonly wal: boolean
  readonly backups: boolean
  /** Undefined: dumps are not copied. */
  readonly dumps?: DumpsToCopy | undefined
  /** What the destination would not keep, by id of the backup or dump, with the reason. */
  readonly unwanted?: ReadonlyMap<string, string> | undefined
  /** WAL that the destination would not keep. */
  readonly isWalUnwanted?: ((name: string) => boolean) | undefined
}

export interface CopyPlan {
  readonly steps: readonly CopyStep[]
  /** What is not copied although the source has it. */
  readonly left: readonly LeftOut[]
  /** What should be copied and can not. */
  readonly impossible: readonly LeftOut[]
  /** What is not known well enough to be planned: its record lies in a cold storage class, or that of what it is based on. */
  readonly unread: readonly Unread[]
  readonly totals: {
    readonly backups: number
    readonly dumps: number
    readonly walFiles: number
    readonly bytes: number
  }
}

export interface LeftOut {
  readonly what: string
  readonly why: string
}

export type CopyStep = WalStep | BackupStep | DumpStep

export interface WalStep {
  /** `check`: it is there, and is held against the source once more. */
  readonly kind: 'wal' | 'check'
  readonly why: string
  readonly files: readonly StoredWal[]
  readonly bytes: number
}

export interface BackupStep {
  readonly kind: 'backup'
  readonly why: string
  readonly record: BackupSummary
  /** Names of the WAL files without which it may not be committed. */
  readonly needs: readonly string[]
  /** Of its objects, but for `backup.json`. */
  readonly bytes: number
}

export function planCopy(request: CopyRequest): CopyPlan {
  const { left, impossible, unread, chains } = chooseBackups(request)
  const dumps = chooseDumps(request)
  const [newestDump, ...olderDumps] = chains.length > 0 ? dumps.steps : [undefined, ...dumps.steps]
  const planned = new Set<string>()
  const takeWal = (why: string, names: Iterable<string>): WalStep[] => {
    const files = [...names].flatMap(name => {
      const file = missingWal(request, name)
      if (!file || planned.has(name)) return []
      planned.add(name)
      return [file]
    })
    return files.length === 0 ? [] : [{ kind: 'wal', why, files, bytes: sumOf(files) }]
  }
  const all = request.wal
    ? [...request.source.wal.keys()].filter(name => !isUnwanted(request, name)).sort()
    : []
  const needed = chains.length > 0 || request.wal
  const histories = needed ? [...request.source.wal.keys()].filter(isHistory).sort() : []
  const steps: CopyStep[] = [
    ...checksOf(request),
    ...takeWal('histories of timelines, before what lies on them', histories),
    ...chains.flatMap((chain, index) => [
      ...chain.flatMap(record => [
        ...takeWal(`backup ${record.id} needs it`, namesOfBackup(record, request.segmentSizeBytes)),
        backupStep(record, request),
      ]),
      ...(index === 0 ? takeWal('it leads on from the newest backups', all.filter(leadsOnFrom(chain))) : []),
      ...(index === 0 && newestDump ? [newestDump] : []),
    ]),
    ...takeWal('the source has it', all),
    ...olderDumps.filter(step => step !== undefined),
  ]
  return {
    steps,
    left: [...left, ...dumps.left],
    impossible: [...impossible, ...dumps.impossible],
    unread: [...unread, ...dumps.unread],
    totals: totalsOf(steps),
  }
}

function missingWal({ source, destination }: CopyRequest, name: string): StoredWal | undefined {
  return destination.wal.has(name) ? undefined : source.wal.get(name)
}

const isUnwanted = ({ isWalUnwanted }: CopyRequest, name: string): boolean => isWalUnwanted?.(name) ?? false

function backupStep(record: BackupSummary, { segmentSizeBytes }: CopyRequest): BackupStep {
  const why = record.parent === null ? 'it is not there' : `it is not there, and is based on ${record.parent}`
  return {
    kind: 'backup',
    why,
    record,
    needs: namesOfBackup(record, segmentSizeBytes),
    bytes: record.sizes.storedBytes,
  }
}

interface Chosen {
  readonly left: readonly LeftOut[]
  readonly impossible: readonly LeftOut[]
  readonly unread: readonly Unread[]
  /** The newest first; in each the full backup first. */
  readonly chains: readonly (readonly BackupSummary[])[]
}

function chooseBackups(request: CopyRequest): Chosen {
  if (!request.backups) return { left: [], impossible: [], unread: [], chains: [] }
  const { source, destination, ids, unwanted } = request
  const there = destination.ids
  const asked = ids && withParents(ids, source.backups)
  const isAsked = (id: string): boolean => asked === undefined || asked.has(id)
  const left: LeftOut[] = []
  const impossible: LeftOut[] = []
  const others = source.others.filter(other => isAsked(other.id))
  for (const { id, why, code } of others.filter(other => !isUnread(other)))
    (code === undefined ? left : impossible).push({ what: `backup ${id}`, why })
  const unread: Unread[] = others.filter(other => isUnread(other) && !there.has(other.id)).map(unreadOf)
  const missing = source.backups.filter(({ id }) => !there.has(id) && isAsked(id))
  const chosen: BackupSummary[] = []
  for (const record of missing) {
    const what = `backup ${record.id}`
    const reason = unwanted?.get(record.id)
    const isThere = (id: string): boolean => there.has(id) || chosen.some(other => other.id === id)
    const obstacle = obstacleTo(record, request, isThere)
    if (reason !== undefined && asked === undefined) left.push({ what, why: reason })
    else if (unread.some(({ id }) => id === record.parent)) unread.push(basedOnUnread(record))
    else if (obstacle !== undefined) impossible.push({ what, why: obstacle })
    else chosen.push(record)
  }
  return { left, impossible, unread, chains: chainsOf(chosen) }
}

/** What keeps the copy from being a backup that can be restored. */
function obstacleTo(
  record: BackupSummary,
  { source, destination, segmentSizeBytes }: CopyRequest,
  isThere: (id: string) => boolean,
): string | undefined {
  if (record.parent !== null && !isThere(record.parent))
    return `it is based on ${record.parent}, which is on neither side`
  const lacking = namesOfBackup(record, segmentSizeBytes).find(
    name => !source.wal.has(name) && !destination.wal.has(name),
  )
  return lacking === undefined ? undefined : `WAL segment ${lacking}, which it needs, is on neither side`
}

function withParents(ids: readonly string[], backups: readonly BackupSummary[]): ReadonlySet<string> {
  const wanted = new Set(ids)
  // Parents come before their children, so going backwards meets each child first.
  for (const { id, parent } of backups.toReversed()) if (wanted.has(id) && parent !== null) wanted.add(parent)
  return wanted
}

function chainsOf(records: readonly BackupSummary[]): readonly (readonly BackupSummary[])[] {
  const chains: BackupSummary[][] = []
  for (const record of records) {
    const chain = chains.find(members => members.some(({ id }) => id === record.parent))
    if (chain) chain.push(record)
    else chains.push([record])
  }
  return chains.toReversed()
}

function leadsOnFrom([first]: readonly BackupSummary[]): (name: string) => boolean {
  return name => first !== undefined && name >= first.startWal
}

/**
 * A copy that was cut off may have written objects that it had no time to look at again: the newest at the destination, as
 * many as are under way at once. What has another size than at the source is looked at, too.
 */
function checksOf({ source, destination, wal, isVerbatim, recheck }: CopyRequest): readonly WalStep[] {
  if (!wal || !recheck) return []
  const common = [...destination.wal.values()].filter(({ name }) => source.wal.has(name))
  const newest = common.toSorted((a, b) => b.modifiedMs - a.modifiedMs)
  const edgeMs = newest.at(Math.min(limits.copyParallel, newest.length) - 1)?.modifiedMs ?? Infinity
  const late = newest.slice(0, limits.copyRecheckedMax).filter(({ modifiedMs }) => modifiedMs >= edgeMs)
  const odd = common.filter(({ name, key, sizeBytes }) => {
    const original = source.wal.get(name)
    return isVerbatim && original?.key === key && original.sizeBytes !== sizeBytes
  })
  const files = [...new Set([...odd, ...late])].flatMap(({ name }) => source.wal.get(name) ?? [])
  if (files.length === 0) return []
  const why = 'the newest there, and what has another size: an earlier copy may have been cut off'
  return [{ kind: 'check', why, files, bytes: sumOf(files) }]
}

export function totalsOf(steps: readonly CopyStep[]): CopyPlan['totals'] {
  return {
    backups: steps.filter(({ kind }) => kind === 'backup').length,
    dumps: steps.filter(({ kind }) => kind === 'dump').length,
    walFiles: steps.reduce((sum, step) => sum + (step.kind === 'wal' ? step.files.length : 0), 0),
    bytes: steps.reduce((sum, step) => sum + (step.kind === 'check' ? 0 : step.bytes), 0),
  }
}

const isHistory = (name: string): boolean => name.endsWith('.history')
export const sumOf = (files: readonly StoredWal[]): number =>
  files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
