/**
 * `wal push`: stores one file of pg_wal, and says so only when it is durable. PostgreSQL's archive_command.
 *
 * A process is started for each segment, so this file and what it imports stay few and small.
 */
import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { basename } from 'node:path'
import { Fault, errnoOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { formatBytes } from '../base/units.ts'
import { CommitTimesScanner } from '../postgres/wal-records/commit-times.ts'
import { checkSegmentHeader } from '../postgres/wal-records/segment-header.ts'
import type { WalHead } from '../repository/format/wal-head.ts'
import type { WalFileToStore, WalStore } from '../repository/wal-store.ts'
import type { ClusterOfWal } from '../wal/cluster.ts'
import { formatLsn } from '../wal/lsn.ts'
import { classifyWalFile, type WalFile } from '../wal/segment.ts'
import { isoMicros } from '../wal/time.ts'
import { parseHistory } from '../wal/timeline.ts'

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
  return withWalFile(path, deps.identity, async (file, sizeBytes) => ({
    name: file.name,
    sizeBytes,
    result: await deps.store.put(file, signal),
  }))
}

/** Opens the file for as long as `use` takes. It is checked while it is read; WAL_INVALID comes out of the reading. */
export async function withWalFile<T>(
  path: string,
  identity: ClusterOfWal,
  use: (file: WalFileToStore, sizeBytes: number) => Promise<T>,
  read: ReadPieces = readPieces,
): Promise<T> {
  const file = classifyWalFile(basename(path))
  if (!file) throw notWal(path)
  const handle = await openWalFile(path)
  try {
    const sizeBytes = await checkSize(handle, path, file, identity)
    const inspector = isSegment(file) ? inspectSegment(file, sizeBytes, identity) : inspectText(file)
    const digest = createHash('sha256')
    const openPieces = async function* (): AsyncIterable<Uint8Array> {
      for await (const piece of read({ handle, path, sizeBytes })) {
        inspector.add(piece)
        digest.update(piece)
        yield piece
      }
    }
    const head = (): WalHead => ({
      name: file.name,
      sizeBytes,
      sha256: digest.digest('hex'),
      ...inspector.end(),
    })
    return await use({ name: file.name, open: openPieces, head }, sizeBytes)
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

async function checkSize(
  handle: FileHandle,
  path: string,
  file: WalFile,
  identity: ClusterOfWal,
): Promise<number> {
  const { size } = await handle.stat()
  const sizeBytesMax = isSegment(file) ? identity.walSegmentSizeBytes : limits.walTextSizeBytesMax
  if (size <= sizeBytesMax) return size
  const sizes = `${formatBytes(size)}, more than the ${formatBytes(sizeBytesMax)} it can have`
  throw new Fault('WAL_INVALID', `${path} has ${sizes}`, {
    hint: 'Check that the repository is that of this cluster: its WAL segment size was recorded when it was made.',
  })
}

export interface OpenWalFile {
  readonly handle: FileHandle
  readonly path: string
  readonly sizeBytes: number
}

/** Pieces of at most 1 MiB, each valid until the next one is asked for. */
export type ReadPieces = (file: OpenWalFile) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/**
 * Two buffers in turn: one is read into while the other is checked, hashed and compressed. Both stay in the processor's
 * cache, which a buffer for the whole segment would not.
 */
async function* readPieces({ handle, path, sizeBytes }: OpenWalFile): AsyncIterable<Uint8Array> {
  const bufferBytes = Math.min(limits.frameSizeBytesMax, sizeBytes)
  const buffers = [new Uint8Array(bufferBytes), new Uint8Array(bufferBytes)] as const
  const readAt = async (at: number): Promise<Uint8Array> => {
    const buffer = buffers[(at / bufferBytes) % 2 === 0 ? 0 : 1]
    const wantBytes = Math.min(bufferBytes, sizeBytes - at)
    for (let haveBytes = 0; haveBytes < wantBytes;) {
      const { bytesRead } = await handle.read(buffer, haveBytes, wantBytes - haveBytes, at + haveBytes)
      if (bytesRead === 0) throw shrunk(path, sizeBytes, at + haveBytes)
      haveBytes += bytesRead
    }
    return buffer.subarray(0, wantBytes)
  }
  let next = sizeBytes > 0 ? readAt(0) : undefined
  try {
    for (let at = 0; next;) {
      const piece: Uint8Array = await next
      at += piece.length
      next = at < sizeBytes ? readAt(at) : undefined
      yield piece
    }
  } finally {
    // Nothing may still be read into a buffer, or from a file, that nobody holds any more.
    await next?.catch(() => undefined)
  }
}

/** For a thread that does nothing else: to hand each piece to another thread and back takes longer than to read it. */
export function readerInThisThread(): ReadPieces {
  const buffer = new Uint8Array(limits.frameSizeBytesMax)
  return function* ({ handle: { fd }, path, sizeBytes }) {
    for (let at = 0; at < sizeBytes;) {
      const bytesRead = readSync(fd, buffer, 0, Math.min(buffer.length, sizeBytes - at), at)
      if (bytesRead === 0) throw shrunk(path, sizeBytes, at)
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }
}

/** Nothing enters the archive that PostgreSQL would not take back: looks at all pieces, and tells what they say. */
interface Inspector {
  add(piece: Uint8Array): void
  end(): Pick<WalHead, 'systemIdentifier' | 'commits' | 'ancestors'>
}

function inspectSegment({ name }: WalFile, sizeBytes: number, identity: ClusterOfWal): Inspector {
  const commitTimes = new CommitTimesScanner()
  let isFirst = true
  return {
    add(piece) {
      if (isFirst) checkSegmentHeader(piece, sizeBytes, name, identity)
      isFirst = false
      commitTimes.add(piece)
    },
    end() {
      if (isFirst) checkSegmentHeader(new Uint8Array(0), 0, name, identity)
      const { systemIdentifier } = identity
      const times = commitTimes.end()
      if (!times) return { systemIdentifier }
      const { count, earliest, latest } = times
      return {
        systemIdentifier,
        commits: { count, earliest: isoMicros(earliest), latest: isoMicros(latest) },
      }
    },
  }
}

function inspectText(file: WalFile): Inspector {
  const pieces: Uint8Array[] = []
  return {
    add: piece => pieces.push(Uint8Array.from(piece)),
    end() {
      const text = Buffer.concat(pieces).toString('utf8')
      if (file.kind === 'history') return { ancestors: ancestorsIn(text, file) }
      if (!/^START WAL LOCATION: [0-9A-F]+\/[0-9A-F]+ /m.test(text)) throw garbled(file)
      return {}
    },
  }
}

/** Timelines are numbered in the order in which they are made, and each but the first comes from another. */
function ancestorsIn(text: string, file: WalFile): WalHead['ancestors'] {
  const switches = parseHistory(text)
  if (!switches?.length || switches.some(({ timeline }) => timeline >= file.timeline)) throw garbled(file)
  return switches.map(({ timeline, endLsn }) => ({ timeline, endLsn: formatLsn(endLsn) }))
}

const isSegment = ({ kind }: WalFile): boolean => kind === 'segment' || kind === 'partial'

function notWal(path: string): Fault {
  return new Fault('WAL_INVALID', `${basename(path)} is not the name of a WAL file`, {
    hint: "Set archive_command = 'holdfast wal push %p'; PostgreSQL fills in the path.",
  })
}

function shrunk(path: string, sizeBytes: number, readBytes: number): Fault {
  return new Fault(
    'WAL_INVALID',
    `${path} had ${String(sizeBytes)} bytes, and ended after ${String(readBytes)}`,
    {
      hint: 'Find out what else writes to pg_wal: PostgreSQL never shortens a segment.',
    },
  )
}

function garbled({ name, kind }: WalFile): Fault {
  const what = kind === 'history' ? 'timeline history' : 'backup history'
  return new Fault('WAL_INVALID', `${name} does not hold a ${what} as PostgreSQL writes it`, {
    hint: 'Look into the file in pg_wal: a crash of the host may have emptied it. Remove it there when it is damaged.',
  })
}
