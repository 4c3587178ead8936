/**
 * `wal push`: stores one file of pg_wal, and says so only when it is durable. PostgreSQL's archive_command.
 *
 * A process is started for each segment, so this file and what it imports stay few and small.
 */
import { hash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { basename } from 'node:path'
import { unreachable } from '../base/assert.ts'
import { Fault, errnoOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { formatBytes } from '../base/units.ts'
import { scanCommitTimes } from '../postgres/wal-records/commit-times.ts'
import { checkSegmentHeader } from '../postgres/wal-records/segment-header.ts'
import type { WalHead } from '../repository/format/wal-head.ts'
import type { WalStore } from '../repository/wal-store.ts'
import type { ClusterOfWal } from '../wal/cluster.ts'
import { formatLsn } from '../wal/lsn.ts'
import { classifyWalFile, type WalFile } from '../wal/segment.ts'
import { isoMicros } from '../wal/time.ts'
import { parseHistory, type TimelineSwitch } from '../wal/timeline.ts'

export interface WalPushDeps {
  readonly identity: ClusterOfWal
  readonly store: Pick<WalStore, 'put'>
}

export interface WalPushed {
  readonly name: string
  readonly sizeBytes: number
  /** `already`: the same bytes were there; PostgreSQL may push a segment again after a crash. */
  readonly result: 'stored' | 'already'
}

export async function pushWal(deps: WalPushDeps, path: string, signal: AbortSignal): Promise<WalPushed> {
  const file = classifyWalFile(basename(path))
  if (!file) throw notWal(path)
  const bytes = await readWalFile(path, file, deps.identity)
  checkContent(file, bytes, deps.identity)
  const result = await deps.store.put({ name: file.name, bytes, head: headOf(file, bytes, deps.identity) }, signal)
  return { name: file.name, sizeBytes: bytes.length, result }
}

async function readWalFile(path: string, file: WalFile, identity: ClusterOfWal): Promise<Uint8Array> {
  const handle = await openWalFile(path)
  try {
    const { size } = await handle.stat()
    const sizeBytesMax = isSegment(file) ? identity.walSegmentSizeBytes : limits.walTextSizeBytesMax
    if (size > sizeBytesMax) throw tooLarge(path, size, sizeBytesMax)
    return await readWhole(handle, size)
  } finally {
    await handle.close()
  }
}

async function openWalFile(path: string): Promise<FileHandle> {
  try {
    return await open(path)
  } catch (error) {
    throw new Fault('WAL_INVALID', `can not read ${path}: ${errnoOf(error) ?? 'unknown error'}`, {
      hint: 'Use %p in archive_command, which is relative to the data directory, and run it as the user of the server.',
      cause: error,
    })
  }
}

async function readWhole(handle: FileHandle, sizeBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes)
  let filled = 0
  while (filled < sizeBytes) {
    const { bytesRead } = await handle.read(bytes, filled, sizeBytes - filled, filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}

/** Nothing enters the archive that PostgreSQL would not take back. */
function checkContent(file: WalFile, bytes: Uint8Array, identity: ClusterOfWal): void {
  switch (file.kind) {
    case 'segment':
    case 'partial':
      checkSegmentHeader(bytes, bytes.length, file.name, identity)
      return
    case 'history':
      if (!isHistoryOf(file.timeline, parseHistory(textOf(bytes)))) throw garbled(file)
      return
    case 'backup':
      if (!/^START WAL LOCATION: [0-9A-F]+\/[0-9A-F]+ /m.test(textOf(bytes))) throw garbled(file)
      return
    default:
      unreachable(file)
  }
}

/** Timelines are numbered in the order in which they are made, and each but the first comes from another. */
function isHistoryOf(timeline: number, switches: readonly TimelineSwitch[] | undefined): boolean {
  return switches !== undefined && switches.length > 0 && switches.every(ancestor => ancestor.timeline < timeline)
}

function headOf(file: WalFile, bytes: Uint8Array, { systemIdentifier }: ClusterOfWal): WalHead {
  const head = { name: file.name, sizeBytes: bytes.length, sha256: hash('sha256', bytes, 'hex') }
  if (file.kind === 'history') return { ...head, ancestors: ancestorsIn(bytes) }
  if (!isSegment(file)) return head
  const times = scanCommitTimes(bytes)
  if (!times) return { ...head, systemIdentifier }
  const { count, earliest, latest } = times
  return { ...head, systemIdentifier, commits: { count, earliest: isoMicros(earliest), latest: isoMicros(latest) } }
}

function ancestorsIn(bytes: Uint8Array): WalHead['ancestors'] {
  return parseHistory(textOf(bytes))?.map(({ timeline, endLsn }) => ({ timeline, endLsn: formatLsn(endLsn) }))
}

const isSegment = ({ kind }: WalFile): boolean => kind === 'segment' || kind === 'partial'
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')

function notWal(path: string): Fault {
  return new Fault('WAL_INVALID', `${basename(path)} is not the name of a WAL file`, {
    hint: "Set archive_command = 'holdfast wal push %p'; PostgreSQL fills in the path.",
  })
}

function tooLarge(path: string, sizeBytes: number, sizeBytesMax: number): Fault {
  const sizes = `${formatBytes(sizeBytes)}, more than the ${formatBytes(sizeBytesMax)} it can have`
  return new Fault('WAL_INVALID', `${path} has ${sizes}`, {
    hint: 'Check that the repository is that of this cluster: its WAL segment size was recorded when it was made.',
  })
}

function garbled({ name, kind }: WalFile): Fault {
  const what = kind === 'history' ? 'timeline history' : 'backup history'
  return new Fault('WAL_INVALID', `${name} does not hold a ${what} as PostgreSQL writes it`, {
    hint: 'Look into the file in pg_wal: a crash of the host may have emptied it. Remove it there when it is damaged.',
  })
}
