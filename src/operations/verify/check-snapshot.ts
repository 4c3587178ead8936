/**
 * Whether the files of a snapshot are there, which no repository can tell: each volume is asked for; where it can be read in place,
 * the control file says whose it is, and page checksums are compared when this one backup was asked for.
 */
import { open, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, isFault, messageOf } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { createPageChecker, pageLsn, type PageChecker } from '../../pipeline/page-checksum.ts'
import { readControlFile } from '../../postgres/control-file.ts'
import {
  firstBlockOf,
  isRelationDirectory,
  parseRelationFileName,
} from '../../postgres/data-directory/relation-file.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type {
  SnapshotRecord,
  SnapshotTreeRecord,
  SnapshotVolumeRecord,
} from '../../repository/format/snapshot-part.ts'
import type { SnapshotProvider } from '../../snapshots/provider.ts'
import {
  absencesOf,
  copiesOf,
  isCopyLost,
  knownSnapshot,
  type CopyState,
  type OpenProvider,
} from '../snapshot/presence.ts'
import { parseLsn } from '../../wal/lsn.ts'
import type { Finding } from './report.ts'

export interface SnapshotCheck {
  readonly findings: readonly Finding[]
  readonly pagesChecked: number
  /** Sentences: what could not be looked at. */
  readonly notChecked: readonly string[]
}

const nothing: SnapshotCheck = { findings: [], pagesChecked: 0, notChecked: [] }

export async function checkSnapshot(
  record: BackupRecord,
  openProvider: OpenProvider,
  { pages }: { readonly pages: boolean },
  signal: AbortSignal,
): Promise<SnapshotCheck> {
  const { snapshot, id } = record
  if (!snapshot) return nothing
  const absences = await absencesOf(record, openProvider, signal)
  if (absences.length > 0)
    return {
      ...nothing,
      findings: absences
        .filter(({ what }) => what !== 'unknown')
        .map(({ reference, message }) => finding(record, reference, message)),
      notChecked: absences
        .filter(({ what }) => what === 'unknown')
        .map(({ message }) => `The volumes of ${id} could not be asked for: ${message}.`),
    }
  const copies = await copiesOf(record, openProvider, signal)
  const provider = await openProvider(snapshot.provider)
  try {
    const files = await checkFiles(provider, record, snapshot, pages, signal)
    return {
      ...files,
      findings: [...files.findings, ...copies.filter(isCopyLost).map(copy => lostCopy(record, copy))],
      notChecked: [
        ...files.notChecked,
        ...copies
          .filter(({ state }) => state === 'unknown' || state === 'pending')
          .map(({ message }) => `Of ${id}, ${message}.`),
      ],
    }
  } finally {
    await provider.close()
  }
}

const lostCopy = ({ id }: BackupRecord, { reference, message }: CopyState): Finding => ({
  object: reference,
  backup: id,
  message,
  cost: `backup ${id} would be lost with its region`,
})

async function checkFiles(
  provider: SnapshotProvider,
  record: BackupRecord,
  { volumes }: SnapshotRecord,
  pages: boolean,
  signal: AbortSignal,
): Promise<SnapshotCheck> {
  const findings: Finding[] = []
  const notChecked: string[] = []
  const reader = new PageReader(record)
  for (const volume of volumes) {
    const root = await provider.readablePath?.(knownSnapshot(volume), signal)
    const trees = volume.trees.filter(({ holds }) => holds !== 'wal')
    if (root === undefined) {
      notChecked.push(`What is in ${volume.reference} was not looked at: it can not be read in place.`)
      continue
    }
    for (const tree of trees) {
      const path = join(root, tree.inside)
      try {
        if (tree.holds === 'data') await assertOwn(record, path)
        if (pages && record.postgres.dataChecksums) await reader.check(path, tree, signal)
      } catch (error) {
        if (!isFault(error) && errnoOf(error) === undefined) throw error
        signal.throwIfAborted()
        findings.push(finding(record, volume.reference, `${path}: ${messageOf(error)}`))
      }
    }
    findings.push(...reader.take().map(found => damaged(record, volume, found)))
  }
  if (!pages && record.postgres.dataChecksums)
    notChecked.push(
      `Pages of ${record.id} were not checked: \`holdfast verify ${record.id}\` does that where they can be read in place.`,
    )
  return { findings, pagesChecked: reader.pagesChecked, notChecked }
}

async function assertOwn(record: BackupRecord, path: string): Promise<void> {
  const { control } = await readControlFile(path)
  if (control.systemIdentifier === record.systemIdentifier) return
  throw new Error(`it belongs to system ${control.systemIdentifier}, and not to ${record.systemIdentifier}`)
}

const finding = ({ id }: BackupRecord, reference: string, message: string): Finding => ({
  object: reference,
  backup: id,
  message,
  cost: `backup ${id} is not restorable`,
})

const damaged = (
  record: BackupRecord,
  { reference }: SnapshotVolumeRecord,
  { path, blocks }: Found,
): Finding => ({
  ...finding(
    record,
    reference,
    `${String(blocks.length)} pages fail their checksum, the first is block ${String(blocks[0] ?? 0)}`,
  ),
  path,
  cost: `these pages of backup ${record.id} are damaged`,
})

interface Found {
  readonly path: string
  readonly blocks: readonly number[]
}

/** Reads relations with one buffer; what fails and was changed after the backup's begin is written anew by WAL. */
class PageReader {
  pagesChecked = 0
  readonly #record: BackupRecord
  readonly #startLsn: bigint
  readonly #checker: PageChecker
  #found: Found[] = []

  constructor(record: BackupRecord) {
    this.#record = record
    this.#startLsn = parseLsn(record.startLsn) ?? 0n
    this.#checker = createPageChecker({ count: 1, sizeBytes: limits.frameSizeBytesMax })
  }

  take(): readonly Found[] {
    return this.#found.splice(0)
  }

  async check(root: string, { holds }: SnapshotTreeRecord, signal: AbortSignal): Promise<void> {
    const prefix = holds === 'data' ? '' : `pg_tblspc/${holds}/`
    await this.#walk(root, '', prefix, signal)
  }

  async #walk(root: string, path: string, prefix: string, signal: AbortSignal): Promise<void> {
    for await (const entry of await opendir(join(root, path))) {
      signal.throwIfAborted()
      const inner = path === '' ? entry.name : `${path}/${entry.name}`
      if (entry.isDirectory()) await this.#walk(root, inner, prefix, signal)
      else if (entry.isFile() && isRelationDirectory(`${prefix}${path}`))
        await this.#file(root, inner, prefix, signal)
    }
  }

  async #file(root: string, path: string, prefix: string, signal: AbortSignal): Promise<void> {
    const relation = parseRelationFileName(path.slice(path.lastIndexOf('/') + 1))
    const [buffer] = this.#checker.buffers
    if (!relation || !buffer) return
    const { blockSizeBytes, relationSegmentBlocks } = this.#record.postgres
    const firstBlock = firstBlockOf(relation, relationSegmentBlocks)
    const blocks: number[] = []
    const file = await open(join(root, path))
    try {
      for (let atBytes = 0; ;) {
        signal.throwIfAborted()
        const { bytesRead } = await file.read(buffer, 0, buffer.length, atBytes)
        const whole = bytesRead - (bytesRead % blockSizeBytes)
        if (whole === 0) break
        const slice = buffer.subarray(0, whole)
        const first = firstBlock + atBytes / blockSizeBytes
        for (const index of this.#checker.failures(slice, blockSizeBytes, first)) {
          const page = slice.subarray(index * blockSizeBytes, (index + 1) * blockSizeBytes)
          if (pageLsn(page) < this.#startLsn && blocks.length < limits.corruptPagesListedMax)
            blocks.push(atBytes / blockSizeBytes + index)
        }
        this.pagesChecked += whole / blockSizeBytes
        atBytes += whole
      }
    } finally {
      await file.close()
    }
    if (blocks.length > 0) this.#found.push({ path: `${prefix}${path}`, blocks })
  }
}
