/** Gives what pg_restore takes: the file of a database, its directory, or the globals. */
import { link, lstat, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, errnoOf, isFault, messageOf } from '../../base/fault.ts'
import type { Progress } from '../../base/progress.ts'
import type { DumpRecord, DumpedDatabase } from '../../repository/format/dump-record.ts'
import type { DumpReader } from '../restore-dump/dump-reader.ts'
import { fileNameOf, filesOfPack, isPackName, type NamedObject } from './read-object.ts'

/** The only database, or the one that is named. */
export function chooseDumped({ id, databases }: DumpRecord, name: string | undefined): DumpedDatabase {
  const [only] = databases
  const names = databases.map(database => database.name).join(', ')
  if (name === undefined && only && databases.length === 1) return only
  if (name === undefined)
    throw new Fault('USAGE', `${id} holds ${String(databases.length)} databases`, {
      hint: `Name one of them with --from: ${names}.`,
    })
  const found = databases.find(database => database.name === name)
  if (found) return found
  throw new Fault('BACKUP_NOT_FOUND', `${id} does not hold the database "${name}"`, {
    hint: `It holds: ${names}.`,
  })
}

export interface FetchDeps {
  /** From the first repository that has an object whole; goes on with the next one where that breaks off. */
  readonly reader: Pick<DumpReader, 'stream'>
  readonly progress: Progress
}

/** Where the bytes of one object go; back-pressure is in the promise. */
export type Take = (bytes: Uint8Array) => Promise<void>

export async function fetchObject(
  { reader, progress }: FetchDeps,
  { name }: NamedObject,
  take: Take,
  signal: AbortSignal,
): Promise<void> {
  for await (const bytes of reader.stream(name, signal)) {
    await take(bytes)
    progress.advance(bytes.length)
  }
}

/** A new file: whole or not there at all. */
export async function fetchFile(
  deps: FetchDeps,
  object: NamedObject,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const part = `${path}.part`
  try {
    await writeFile(part, take => fetchObject(deps, object, take, signal))
    // Unlike rename, never in place of a file that is there.
    await link(part, path)
  } catch (error) {
    throw writeFault(path, error)
  } finally {
    await rm(part, { force: true })
  }
}

/** A new directory; one that is not complete is taken away again. */
export async function fetchDirectory(
  deps: FetchDeps,
  { objects }: DumpedDatabase,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    throw writeFault(path, error)
  }
  try {
    for (const object of objects) await fetchFiles(deps, object, path, signal)
  } catch (error) {
    await rm(path, { recursive: true, force: true })
    throw writeFault(path, error)
  }
}

async function fetchFiles(
  deps: FetchDeps,
  object: NamedObject,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const { reader, progress } = deps
  if (!isPackName(object.name)) {
    const path = join(directory, fileNameOf(object.name))
    return writeFile(path, take => fetchObject(deps, object, take, signal))
  }
  for await (const { name, bytes } of filesOfPack(reader.stream(object.name, signal), object.name)) {
    await writeFile(join(directory, name), async take => {
      for await (const piece of bytes) {
        await take(piece)
        progress.advance(piece.length)
      }
    })
  }
}

async function writeFile(path: string, fill: (take: Take) => Promise<void>): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await fill(async bytes => {
      await file.writeFile(bytes)
    })
    await file.sync()
  } finally {
    await file.close()
  }
}

function writeFault(path: string, error: unknown): unknown {
  // What could not be read says so itself.
  if (isFault(error)) return error
  const errno = errnoOf(error)
  if (errno === undefined) return error
  if (errno === 'EEXIST') return takenFault(path)
  return new Fault('FAILED', `${path} can not be written: ${messageOf(error)}`, {
    hint: 'Give a place that you may write to and that has room.',
    cause: error,
  })
}

/** Before something is waited for. */
export async function refuseTaken(path: string): Promise<void> {
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  )
  if (isThere) throw takenFault(path)
}

const takenFault = (path: string): Fault =>
  new Fault('USAGE', `${path} is there already`, { hint: 'Give a name that is free: nothing is replaced.' })
