/**
 * Reads everything of one repository and finds what is not right: objects of backups and dumps by the hashes that their records
 * say, for which no key is needed; WAL by its own head, for which one is.
 */
import { isFault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
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

export async function findDamage(deps: FindDeps, scope: RepairScope, signal: AbortSignal): Promise<Found> {
  const search = new Search(deps)
  if (scope.backups) await search.backups(scope.ids, signal)
  if (scope.dumps) await search.dumps(scope.ids, signal)
  if (scope.wal) await search.wal(signal)
  const inOrder = search.damages.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  return { damages: inOrder, checked: search.checked }
}

class Search {
  readonly damages: Damage[] = []
  readonly #deps: FindDeps
  #backups = 0
  #dumps = 0
  #objects = 0
  #bytes = 0
  #unjudged = 0
  #cold = 0

  constructor(deps: FindDeps) {
    this.#deps = deps
  }

  get checked(): CheckedTotals {
    return {
      backups: this.#backups,
      dumps: this.#dumps,
      objects: this.#objects,
      bytes: this.#bytes,
      unjudged: this.#unjudged,
      cold: this.#cold,
    }
  }

  async backups(ids: readonly string[] | undefined, signal: AbortSignal): Promise<void> {
    const { backups, damaged } = await scanCatalog(this.#deps.target.repository, signal)
    this.#backups = await this.#commits({ records: backups, damaged }, 'reading backups', ids, signal)
  }

  async dumps(ids: readonly string[] | undefined, signal: AbortSignal): Promise<void> {
    const { dumps, damaged } = await scanDumps(this.#deps.target.repository, signal)
    if (dumps.length + damaged.length === 0) return
    this.#dumps = await this.#commits({ records: dumps, damaged }, 'reading dumps', ids, signal)
  }

  /** Returns how many were read. */
  async #commits(
    all: { readonly records: readonly CommitRecord[]; readonly damaged: readonly DamagedBackup[] },
    phase: string,
    ids: readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<number> {
    const { repository } = this.#deps.target
    const isAsked = ({ id }: { readonly id: string }): boolean => ids?.includes(id) ?? true
    const records = all.records.filter(isAsked)
    for (const { id, fault } of all.damaged.filter(isAsked)) {
      const key = keyOfCommit(repository.identity.cluster, id)
      this.damages.push({ kind: 'record', key, id, found: 'damaged', message: fault.message })
    }
    const bytes = records.reduce((sum, { sizes }) => sum + sizes.storedBytes, 0)
    this.#deps.progress.phase(phase, bytes)
    const objects = records.flatMap(record => objectsOfCommit(record).map(object => ({ record, object })))
    await inParallel(objects, limits.copyParallel, (one, stop) => this.#object(one, stop), signal)
    return records.length
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
