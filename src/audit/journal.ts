/**
 * Appends to the local chain, and reads it. One process writes at a time; a line is durable before it is said to be
 * written. What a process left half written when it was killed is taken out, and the chain tells of it.
 */
import { createHash } from 'node:crypto'
import { open, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { claimName } from '../base/claim-name.ts'
import { isFault, messageOf } from '../base/fault.ts'
import { auditLimits } from './limits.ts'
import type { World } from '../base/world.ts'
import { beforeFirst, encodeEntry, headOf, type AuditEvent, type Head, type Who } from './entry.ts'
import { fileNameOf, filesIn, giveToOwner, makeFolder, syncFolder, unreadable, unwritable } from './folder.ts'
import { linesOf } from './lines.ts'
import { lookAtEnd, type FileEnd } from './torn-end.ts'

export interface JournalDeps {
  readonly world: World
  readonly who: Who
  /** `holdfast 0.1.0` */
  readonly tool: string
}

/** Appends all of them, in order, and returns the new head. AUDIT_UNWRITABLE when that is not possible. */
export async function appendEvents(
  folder: string,
  events: readonly AuditEvent[],
  deps: JournalDeps,
  signal: AbortSignal,
): Promise<Head> {
  try {
    await makeFolder(folder)
    await using _turn = await awaitTurn(folder, 'write', deps.world, signal)
    return await append(folder, events, deps)
  } catch (error) {
    if (isFault(error)) throw error
    signal.throwIfAborted()
    throw unwritable(folder, messageOf(error), error)
  }
}

/** The newest entry that is whole; undefined when there is none. */
export async function readHead(folder: string): Promise<Head | undefined> {
  try {
    for (const name of (await filesIn(folder)).toReversed()) {
      await using file = await open(join(folder, name), 'r')
      const { entry } = await lookAtEnd(file)
      if (entry) return headOf(entry)
    }
    return undefined
  } catch (error) {
    throw unreadable(folder, error)
  }
}

export interface JournalLine {
  readonly line: string
  /** `line 7 of 000000000001.jsonl` */
  readonly place: string
  /** False: it is the last one, and its end is missing. */
  readonly isEnded: boolean
}

/** All lines, oldest first; with `from`, files that end before that entry are passed over. */
export async function* readLines(folder: string, from = 1): AsyncIterable<JournalLine> {
  const files = await filesIn(folder).catch((error: unknown) => {
    throw unreadable(folder, error)
  })
  for (const [i, name] of files.entries()) {
    const next = files[i + 1]
    if (next !== undefined && Number(next.slice(0, 12)) <= from) continue
    let number = 0
    try {
      for await (const line of linesOf(join(folder, name)))
        yield { ...line, place: `line ${String(++number)} of ${name}` }
    } catch (error) {
      throw unreadable(folder, error)
    }
  }
}

/** Of the folder itself, whichever way leads to it. The kernel ends the turn of a process that dies. */
export async function awaitTurn(
  folder: string,
  turn: 'write' | 'send',
  { clock }: World,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const { dev, ino } = await stat(folder)
  const own = createHash('sha256')
    .update(`${String(dev)} ${String(ino)}`)
    .digest('hex')
  const name = `holdfast-audit-${turn}-${own.slice(0, 32)}`
  const lateMs = clock.monotonicMs() + auditLimits.turnMsMax
  for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, auditLimits.turnPauseMsMax)) {
    const claim = await claimName(name)
    if (claim) return claim
    if (clock.monotonicMs() > lateMs) throw unwritable(folder, 'another process does not let go of it')
    await clock.sleep(pauseMs, signal)
  }
}

async function append(folder: string, events: readonly AuditEvent[], deps: JournalDeps): Promise<Head> {
  const { world, who, tool } = deps
  const end = await findEnd(folder)
  const at = new Date(world.clock.now()).toISOString()
  const happened: AuditEvent[] = [...events]
  if (end.torn) happened.unshift({ event: 'mended', at, who, bytes: end.torn.bytes, removed: end.torn.text })
  let head = end.head ?? beforeFirst(newChain(deps))
  if (!end.head) happened.unshift({ event: 'chain', at, who, tool })
  const lines: string[] = []
  const first = head.n + 1
  for (const one of happened) {
    const encoded = encodeEntry(head, one)
    lines.push(`${encoded.line}\n`)
    head = encoded.head
  }
  const name =
    end.name === undefined || end.sizeBytes >= auditLimits.fileBytesMax ? fileNameOf(first) : end.name
  await write(folder, name, end, lines.join(''))
  return head
}

interface ChainEnd {
  readonly head: Head | undefined
  /** The file that is written to. */
  readonly name: string | undefined
  /** Of it, up to where it is whole. */
  readonly sizeBytes: number
  readonly torn: FileEnd['torn']
  /** The last line is whole but for the end of the line. */
  readonly lacksLineEnd: boolean
}

async function findEnd(folder: string): Promise<ChainEnd> {
  const files = await filesIn(folder)
  let last: FileEnd | undefined
  for (const name of files.toReversed()) {
    await using file = await open(join(folder, name), 'r')
    const end = await lookAtEnd(file)
    last ??= end
    if (end.entry) return { head: headOf(end.entry), name: files.at(-1), ...placeOf(last) }
  }
  // Nothing at all was written down, or it was cut off in its very first line.
  if (!last || last.wholeBytes === 0) return { head: undefined, name: files.at(-1), ...placeOf(last) }
  throw unwritable(
    folder,
    'none of its entries can be read; run holdfast audit verify, and put the folder aside',
  )
}

const placeOf = (end: FileEnd | undefined) => ({
  sizeBytes: end?.wholeBytes ?? 0,
  torn: end?.torn,
  lacksLineEnd: end?.lacksLineEnd ?? false,
})

async function write(folder: string, name: string, end: ChainEnd, text: string): Promise<void> {
  const isNew = name !== end.name
  const path = join(folder, name)
  await using file = await open(path, isNew ? 'ax' : 'r+', 0o600)
  if (isNew) await giveToOwner(path, folder)
  else if (end.torn) await file.truncate(end.sizeBytes)
  const separator = end.lacksLineEnd && !isNew ? '\n' : ''
  await writeWhole(file, Buffer.from(separator + text), isNew ? 0 : end.sizeBytes)
  await file.datasync()
  if (isNew) await syncFolder(folder)
}

async function writeWhole(file: FileHandle, bytes: Buffer, positionBytes: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, positionBytes + done)
    done += bytesWritten
  }
}

/** Readable, and never the same twice: `db1-3f2a9d0c`. */
function newChain({ who, world }: JournalDeps): string {
  const host = who.host
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 40)
    .replace(/^-+/, '')
  return `${host === '' ? 'host' : host}-${Buffer.from(world.randomBytes(8)).toString('hex')}`
}
