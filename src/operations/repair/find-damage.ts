/**
 * Reads everything of one repository and finds what is not right: objects of backups and dumps by the hashes that their records
 * say, for which no key is needed; WAL by its own head, for which one is.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import { nearest } from '../../base/nearest.ts'
import type { Progress } from '../../base/progress.ts'
import { scanCatalog } from '../../repository/catalog.ts'
import {
  folderOfCommit,
  keyOfCommit,
  objectsOfCommit,
  type CommitRecord,
} from '../../repository/commit-record.ts'
import { scanDumps } from '../../repository/dump-catalog.ts'
import type { StoredObjectRecord } from '../../repository/format/backup-record.ts'
import type { DamagedBackup } from '../../repository/stored-records.ts'
import type { StoredStream } from '../../repository/stored-stream.ts'
import type { Storage } from '../../storage/storage.ts'
import { readHoldings, type StoredWal } from '../copy/holdings.ts'
import { isSame, measure, openSource } from '../copy/object-source.ts'
import { proveWal, type WalProof } from '../copy/prove-wal.ts'
import type { CopySide } from '../copy/sides.ts'
import { lackingWal } from './lacking-wal.ts'
import type { CheckedTotals, Damage } from './report.ts'

export interface RepairScope {
  /** Only these backups and dumps, and not the WAL. */
  readonly ids: readonly string[] | undefined
  readonly backups: boolean
  readonly dumps: boolean
  readonly wal: boolean
}

export interface Found {
  readonly damages: readonly Damage[]
  readonly checked: CheckedTotals
}

/** Asked about sealed WAL that our keys do not open: whether another repository proves it right, byte by byte. */
export type JudgeWal = (file: StoredWal, proof: WalProof, signal: AbortSignal) => Promise<'right' | 'unknown'>

export interface FindDeps {
  readonly target: CopySide
  readonly sources: () => AsyncIterable<CopySide>
  readonly progress: Progress
  readonly judge: JudgeWal
}

/** BACKUP_NOT_FOUND, before anything is read, when there is nothing by one of the ids. */
export async function findDamage(deps: FindDeps, scope: RepairScope, signal: AbortSignal): Promise<Found> {
  const search = new Search(deps)
  const backups = scope.backups ? await backupsOf(deps.target, signal) : nothing
  const dumps = scope.dumps ? await dumpsOf(deps.target, signal) : nothing
  if (scope.ids) assertKnown(scope.ids, [backups, dumps], deps.target)
  await search.commits(backups, scope.ids, signal)
  await search.commits(dumps, scope.ids, signal)
  if (scope.wal) await search.wal(signal)
  const inOrder = search.damages.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  return { damages: inOrder, checked: search.checked }
}

interface Commits {
  readonly kind: 'backups' | 'dumps'
  readonly records: readonly CommitRecord[]
  readonly damaged: readonly DamagedBackup[]
}

const nothing: Commits = { kind: 'backups', records: [], damaged: [] }

async function backupsOf({ repository }: CopySide, signal: AbortSignal): Promise<Commits> {
  const { backups, damaged } = await scanCatalog(repository, signal)
  return { kind: 'backups', records: backups, damaged }
}

async function dumpsOf({ repository }: CopySide, signal: AbortSignal): Promise<Commits> {
  const { dumps, damaged } = await scanDumps(repository, signal)
  return { kind: 'dumps', records: dumps, damaged }
}

function assertKnown(ids: readonly string[], there: readonly Commits[], { name }: CopySide): void {
  const known = there.flatMap(({ records, damaged }) => [...records, ...damaged].map(({ id }) => id))
  const unknown = ids.filter(id => !known.includes(id))
  if (unknown.length === 0) return
  const near = new Set(unknown.flatMap(id => nearest(id, known) ?? []))
  const meant = near.size > 0 ? `Did you mean ${[...near].join(', ')}? ` : ''
  throw new Fault('BACKUP_NOT_FOUND', `there is no backup or dump ${unknown.join(', ')} in "${name}"`, {
    hint:
      `${meant}\`holdfast list --repository ${name}\` shows the ids. What is missing whole, and another repository has, ` +
      `comes back by \`holdfast copy --to ${name} ${unknown.join(' ')}\`.`,
  })
}

class Search {
  readonly damages: Damage[] = []
  readonly #deps: FindDeps
  readonly #counts = { backups: 0, dumps: 0 }
  #objects = 0
  #bytes = 0
  #unjudged = 0
  #cold = 0

  constructor(deps: FindDeps) {
    this.#deps = deps
  }

  get checked(): CheckedTotals {
    return {
      ...this.#counts,
      objects: this.#objects,
      bytes: this.#bytes,
      unjudged: this.#unjudged,
      cold: this.#cold,
    }
  }

  async commits(
    { kind, ...all }: Commits,
    ids: readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { repository } = this.#deps.target
    const isAsked = ({ id }: { readonly id: string }): boolean => ids?.includes(id) ?? true
    const [records, damaged] = [all.records.filter(isAsked), all.damaged.filter(isAsked)]
    if (records.length + damaged.length === 0) return
    this.#cold += damaged.filter(isCold).length
    for (const { id, fault } of damaged.filter(one => !isCold(one))) {
      const key = keyOfCommit(repository.identity.cluster, id)
      this.damages.push({ kind: 'record', key, id, found: 'damaged', message: fault.message })
    }
    const bytes = records.reduce((sum, { sizes }) => sum + sizes.storedBytes, 0)
    this.#deps.progress.phase(`reading ${kind}`, bytes)
    const objects = records.flatMap(record => objectsOfCommit(record).map(object => ({ record, object })))
    await inParallel(objects, limits.copyParallel, (one, stop) => this.#object(one, stop), signal)
    this.#counts[kind] += records.length
  }

  async #object(
    { record, object }: { readonly record: CommitRecord; readonly object: StoredObjectRecord },
    signal: AbortSignal,
  ): Promise<void> {
    const { repository } = this.#deps.target
    const { name, sizeBytes, sha256 } = object
    const expected = { sizeBytes, sha256 }
    const key = `${folderOfCommit(repository.identity.cluster, record.id)}/${name}`
    const there = await this.#measured(repository.storage, key, expected, signal)
    this.#read(there?.sizeBytes ?? 0)
    const wrong = difference(there, expected)
    if (wrong) this.damages.push({ kind: 'object', key, record, expected, ...wrong })
  }

  /** What is cold is not read: that it is there in its size has to do. */
  async #measured(
    storage: Storage,
    key: string,
    expected: StoredStream,
    signal: AbortSignal,
  ): Promise<StoredStream | undefined> {
    try {
      return await measureIfThere(storage, key, signal)
    } catch (error) {
      if (!isFault(error, 'OBJECT_COLD')) throw error
    }
    this.#cold++
    const info = await storage.stat(key, signal)
    return info && { sizeBytes: info.sizeBytes, sha256: expected.sha256 }
  }

  async wal(signal: AbortSignal): Promise<void> {
    const { target, sources, progress } = this.#deps
    const { wal, backups } = await readHoldings(target.repository, {}, signal)
    const files = [...wal.values()]
    progress.phase(
      'reading WAL',
      files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    )
    await inParallel(files, limits.copyParallel, (file, stop) => this.#wal(file, stop), signal)
    this.damages.push(...(await lackingWal(target, sources, { wal, backups }, signal)))
  }

  async #wal(file: StoredWal, signal: AbortSignal): Promise<void> {
    const { target, judge } = this.#deps
    const { storage, identity } = target.repository
    const { key, name } = file
    this.#read(file.sizeBytes)
    try {
      const source = await openSource({ storage, ...file }, signal)
      const proof = await proveWal(source, name, identity, target.identities)
      if (proof.unproven === undefined || (await judge(file, proof, signal)) === 'right') return
      const { sha256 } = proof.head
      if (proof.unproven === 'no key') this.#unjudged++
      else this.damages.push({ kind: 'wal', key, name, sha256, found: 'damaged', message: noKeyOpens(key) })
    } catch (error) {
      if (isFault(error, 'OBJECT_COLD')) {
        this.#cold++
        return
      }
      if (!isFault(error, 'OBJECT_CORRUPT', 'OBJECT_MISSING')) throw error
      this.damages.push({
        kind: 'wal',
        key,
        name,
        sha256: undefined,
        found: 'damaged',
        message: error.message,
      })
    }
  }

  #read(bytes: number): void {
    this.#objects++
    this.#bytes += bytes
    this.#deps.progress.advance(bytes)
  }
}

const isCold = ({ fault }: DamagedBackup): boolean => fault.code === 'OBJECT_COLD'

async function measureIfThere(
  storage: Storage,
  key: string,
  signal: AbortSignal,
): Promise<StoredStream | undefined> {
  try {
    return await measure(storage.get(key, undefined, signal))
  } catch (error) {
    if (isFault(error, 'OBJECT_MISSING')) return undefined
    throw error
  }
}

function difference(
  there: StoredStream | undefined,
  expected: StoredStream,
): Pick<Damage, 'found' | 'message'> | undefined {
  if (!there) return { found: 'missing', message: 'it is missing' }
  if (isSame(there, expected)) return undefined
  if (there.sizeBytes === expected.sizeBytes) return { found: 'damaged', message: 'its SHA-256 is wrong' }
  const sizes = `${String(there.sizeBytes)} bytes instead of ${String(expected.sizeBytes)}`
  return { found: 'damaged', message: `it has ${sizes}` }
}

const noKeyOpens = (key: string): string =>
  `none of the identities configured opens ${key}: its header is damaged, or it was sealed to others`
