/**
 * `wal get`: brings one file of the archive back. PostgreSQL's restore_command.
 *
 * PostgreSQL takes "does not exist" for the end of the WAL, and then opens the database. So that answer is given
 * only when the storage itself says so, and never for a segment that a restore's plan has proven present; all other
 * trouble is thrown, and the command ends with a status at which PostgreSQL stops.
 */
import { basename, dirname } from 'node:path'
import { Fault, errnoOf, isFault, messageOf } from '../base/fault.ts'
import { replaceDurably } from '../base/replace-durably.ts'
import type { World } from '../base/world.ts'
import { checkSegmentHeader } from '../postgres/wal-records/segment-header.ts'
import type { WalStore } from '../repository/wal-store.ts'
import type { ClusterOfWal } from '../wal/cluster.ts'
import { classifyWalFile, type WalFile } from '../wal/segment.ts'
import { openSpool, type Spool } from './wal-spool.ts'

export interface WalGetDeps {
  readonly world: World
  /** Names the repository and the cluster: what was fetched ahead from one is not used for another. */
  readonly source: string
  /** Called only when it is needed: a segment that was fetched ahead needs no storage and no key. */
  openSource(): Promise<WalSource>
  /** Starts `fetchAhead` in a process of its own; absent: nothing is fetched ahead. */
  readonly startFetchAhead?: ((spoolFolder: string) => void) | undefined
  /** For the log of the server: what was damaged in one repository and taken from another. */
  readonly note?: ((line: string) => void) | undefined
}

export interface WalSource {
  readonly identity: ClusterOfWal
  readonly store: Pick<WalStore, 'get'>
  /** What people should know of how the last files were fetched; told once. */
  readonly takeNotes?: (() => readonly string[]) | undefined
  /** Takes back what `store` gave and nobody reads any more, for later files. */
  readonly recycle?: ((bytes: Uint8Array) => void) | undefined
}

export interface WalGetRequest {
  readonly name: string
  readonly destination: string
  /** A plan has proven that all segments up to this one are there: none of them can be missing. */
  readonly requireThrough?: string | undefined
  /** Take `<name>.partial` when the segment itself was never archived: the end of a timeline that was left. */
  readonly allowPartial?: boolean | undefined
}

/** What `wal get` exits with; PostgreSQL stops at a status over 125, and goes on without the file at 1. */
export const walGetExit = { found: 0, missing: 1, unknown: 126 } as const

export async function getWal(
  deps: WalGetDeps,
  request: WalGetRequest,
  signal: AbortSignal,
): Promise<'found' | 'missing'> {
  const file = classifyWalFile(request.name)
  if (!file) throw notWal(request.name)
  const spool = spoolFor(deps, file, request.destination)
  const taken = await spool?.take(file.name, request.destination, signal)
  if (spool && taken) {
    for (const line of taken.notes) deps.note?.(line)
    await keepFilling(deps, spool, file)
    return 'found'
  }
  const { identity, store, takeNotes } = await deps.openSource()
  const bytes = await fetch(store, request, signal).catch((error: unknown) => {
    // PostgreSQL looks one segment further than it needs. What the plan does not reach need not be thawed for that.
    if (!isFault(error, 'OBJECT_COLD') || !isBeyondPlan(file, request)) throw error
    return undefined
  })
  for (const line of takeNotes?.() ?? []) deps.note?.(line)
  if (!bytes) return missing(file, request)
  checkFetched(file.name, bytes, identity)
  await writeDurably(request.destination, bytes)
  await keepFilling(deps, spool, file)
  return 'found'
}

/** PostgreSQL asks for segments under this name; anybody else wants one file, not the next sixteen. */
const restoreFileName = 'RECOVERYXLOG'

function spoolFor(deps: WalGetDeps, file: WalFile, destination: string): Spool | undefined {
  const isServer = file.kind === 'segment' && basename(destination) === restoreFileName
  return deps.startFetchAhead && isServer
    ? openSpool(dirname(destination), deps.source, deps.world)
    : undefined
}

async function keepFilling(deps: WalGetDeps, spool: Spool | undefined, { name }: WalFile): Promise<void> {
  if (spool && deps.startFetchAhead) await spool.keepFilling(name, deps.startFetchAhead)
}

async function fetch(
  store: WalSource['store'],
  { name, allowPartial }: WalGetRequest,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const bytes = await store.get(name, signal)
  // At the end of a timeline PostgreSQL asks for histories of newer ones, too: only segments have partial forms.
  const hasPartial = allowPartial === true && classifyWalFile(name)?.kind === 'segment'
  return bytes ?? (hasPartial ? await store.get(`${name}.partial`, signal) : undefined)
}

/** What the storage gave is what was pushed (its hash says so); was what was pushed this segment of this cluster? */
export function checkFetched(name: string, bytes: Uint8Array, identity: ClusterOfWal): void {
  const kind = classifyWalFile(name)?.kind
  if (kind !== 'segment' && kind !== 'partial') return
  checkSegmentHeader(bytes, bytes.length, name, identity)
}

function missing(file: WalFile, { requireThrough }: WalGetRequest): 'missing' {
  if (requireThrough === undefined || file.kind !== 'segment' || isAfter(file.name, requireThrough))
    return 'missing'
  throw new Fault(
    'OBJECT_MISSING',
    `WAL segment ${file.name} is gone from the repository; it was there when this restore was planned`,
    {
      hint: 'Find out what deletes from the repository, then plan the restore again: PostgreSQL was stopped, and did not open at an earlier point.',
    },
  )
}

const isBeyondPlan = ({ kind, name }: WalFile, { requireThrough }: WalGetRequest): boolean =>
  kind === 'segment' && requireThrough !== undefined && isAfter(name, requireThrough)

/** Beyond the plan: a later segment, or a timeline that the plan does not follow. Names of equal length compare as numbers. */
function isAfter(name: string, requireThrough: string): boolean {
  return name.slice(8) > requireThrough.slice(8, 24) || name.slice(0, 8) > requireThrough.slice(0, 8)
}

/** Never half a file under the name that PostgreSQL looks at. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await replaceDurably(path, bytes)
  } catch (error) {
    throw cannotWrite(path, error)
  }
}

function cannotWrite(path: string, error: unknown): Fault {
  const full = ['ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? '')
  return new Fault(full ? 'SPACE' : 'TARGET_DIRECTORY', `can not write ${path}: ${messageOf(error)}`, {
    hint: full
      ? `Make space on the file system of ${dirname(path)}; PostgreSQL will ask for the segment again.`
      : `Check that ${dirname(path)} exists and that the user of the server may write there.`,
    cause: error,
  })
}

function notWal(name: string): Fault {
  return new Fault('USAGE', `"${name}" is not the name of a WAL file`, {
    hint: "Set restore_command = 'holdfast wal get %f %p'; PostgreSQL fills in both.",
  })
}
