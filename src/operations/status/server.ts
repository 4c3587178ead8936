/** What `status` has to know of the server: its position, its archiver and slots, and the disk on which its WAL lies. */
import { open, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, isFault } from '../../base/fault.ts'
import { inTime } from '../../base/in-time.ts'
import { limits } from '../../base/limits.ts'
import { formatDuration, minute } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import type { Server } from '../../postgres/connection.ts'
import { readPostmasterFile } from '../../postgres/data-directory-lock.ts'
import { serverFacts, type ServerFacts } from '../../postgres/server-facts.ts'
import { slotFacts, type SlotFacts } from '../../postgres/slot-facts.ts'

export interface ServerToSee {
  readonly connect: (signal: AbortSignal) => Promise<Server>
  /** As this host sees it, when the configuration says so. */
  readonly dataDirectory: string | undefined
}

export type ServerSight = SeenServer | UnseenServer

export interface UnseenServer {
  readonly fault: Fault
}

export interface SeenServer {
  readonly fault: undefined
  readonly where: string
  readonly facts: ServerFacts
  readonly slots: readonly SlotFacts[]
  /** The server's clock less this host's, as far as the time that the question took can not explain it. */
  readonly clockAheadMs: number
  /** Where it runs on this host, and that may be looked at. */
  readonly walFolder: WalFolder | undefined
  /** The first bytes of a file in its pg_wal; undefined when it is not there, or may not be read. */
  readonly readOwnWal: (
    name: string,
    sizeBytes: number,
    signal: AbortSignal,
  ) => Promise<Uint8Array | undefined>
}

export interface WalFolder {
  readonly path: string
  readonly freeBytes: number
}

/** A server that is dead or hangs is told of, and keeps nobody waiting longer than the limit. */
export async function readServer(
  { connect, dataDirectory }: ServerToSee,
  { clock }: Pick<World, 'clock'>,
  signal: AbortSignal,
): Promise<ServerSight> {
  const tooLate = new AbortController()
  const stop = AbortSignal.any([signal, tooLate.signal])
  const look = async (): Promise<SeenServer> => {
    await using server = await connect(stop)
    const beforeMs = clock.now()
    const facts = await serverFacts(server, stop)
    const clockAheadMs = outside(facts.nowMs, beforeMs, clock.now())
    const slots = await slotFacts(server, stop)
    const walFolder = await walFolderOf(dataDirectory ?? facts.dataDirectory, facts.startedMs)
    const readOwnWal: SeenServer['readOwnWal'] = walFolder
      ? (name, sizeBytes) => readFirst(join(walFolder.path, name), sizeBytes)
      : (name, sizeBytes, until) => askFor(connect, name, sizeBytes, until)
    return { fault: undefined, where: server.where, facts, slots, clockAheadMs, walFolder, readOwnWal }
  }
  try {
    return await inTime(look(), clock, limits.statusServerMsMax, silent)
  } catch (error) {
    tooLate.abort(error)
    signal.throwIfAborted()
    if (isFault(error)) return { fault: error }
    throw error
  }
}

/** The two starts are written down one after the other, with what a start does between. */
const startMsMax = 2 * minute

/** Another server may lie at the same path on this host: a standby, say. Then its disk is not the one that matters. */
async function walFolderOf(
  dataDirectory: string | undefined,
  startedMs: number,
): Promise<WalFolder | undefined> {
  if (dataDirectory === undefined) return undefined
  try {
    const file = await readPostmasterFile(dataDirectory)
    if (!file || Math.abs(file.startedMs - startedMs) > startMsMax) return undefined
    const path = join(dataDirectory, 'pg_wal')
    const { bavail, bsize } = await statfs(path)
    return { path, freeBytes: bavail * bsize }
  } catch {
    return undefined
  }
}

async function readFirst(path: string, sizeBytes: number): Promise<Uint8Array | undefined> {
  try {
    await using file = await open(path)
    const { bytesRead, buffer } = await file.read(Buffer.alloc(sizeBytes), 0, sizeBytes, 0)
    return buffer.subarray(0, bytesRead)
  } catch {
    return undefined
  }
}

/** Superusers, and who was given the right, may read it over the connection, too. */
async function askFor(
  connect: ServerToSee['connect'],
  name: string,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  try {
    await using server = await connect(signal)
    const [row] = await server.query<{ bytes: string | null }>(
      "SELECT encode(pg_read_binary_file('pg_wal/' || $1, 0, $2, true), 'base64') AS bytes",
      [name, sizeBytes],
      signal,
    )
    return typeof row?.bytes === 'string' ? Buffer.from(row.bytes, 'base64') : undefined
  } catch (error) {
    signal.throwIfAborted()
    if (isFault(error)) return undefined
    throw error
  }
}

function silent(): Fault {
  return new Fault(
    'POSTGRES_UNREACHABLE',
    `PostgreSQL gave no answer within ${formatDuration(limits.statusServerMsMax)}`,
    { hint: 'Check that the server can be reached from here.' },
  )
}

/** How far a moment lies outside of a span: negative before it. */
function outside(moment: number, from: number, to: number): number {
  return moment > to ? moment - to : Math.min(0, moment - from)
}
