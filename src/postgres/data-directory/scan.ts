/**
 * Walks a data directory and its tablespaces and tells what a base backup has to take.
 *
 * The server may be running: what vanishes meanwhile is passed over, as PostgreSQL does. Nothing is collected: files
 * come in small batches, so that the number of files costs no memory here. System calls are synchronous, since they
 * are several times as fast so, in slices after which other work of the process gets its turn.
 */
import { lstatSync, opendirSync, readlinkSync, type Dir, type Stats } from 'node:fs'
import { join } from 'node:path'
import { Fault, errnoOf, messageOf } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { letOthersWork } from '../../base/world.ts'
import { controlFilePath, isEmptied, isLeftOut, walDirectories } from './exclusions.ts'
import {
  isDatabaseDirectory,
  isRelationDirectory,
  isTemporaryRelation,
  parseRelationFileName,
} from './relation-file.ts'
import { nestedLocations, readTablespaces, versionDirectory } from './tablespaces.ts'

/** Paths are relative to the data directory; tablespaces as `pg_tblspc/<oid>/…`. A directory comes before its contents. */
export type ScanItem =
  /** A folder that must exist after a restore. `path` is empty for the data directory itself. */
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  /** `sizes` are in bytes, at the moment of the scan. */
  | {
      readonly kind: 'files'
      readonly directory: string
      readonly names: readonly string[]
      readonly sizes: readonly number[]
    }
  /** A link in pg_tblspc; the items of what is behind it follow. */
  | { readonly kind: 'tablespace'; readonly oid: number; readonly path: string; readonly location: string }
  | { readonly kind: 'warning'; readonly message: string }

export interface ScanOptions {
  readonly dataDirectory: string
  readonly major: number
  /** With `major`, names the folder of this cluster in a tablespace. */
  readonly catalogVersion: number
}

/** Everything but global/pg_control, which is to be copied last. */
export async function* scanDataDirectory(
  options: ScanOptions,
  signal: AbortSignal,
): AsyncGenerator<ScanItem> {
  const { dataDirectory, major } = options
  const root = statRoot(dataDirectory)
  const mode = root.mode & 0o7777
  yield { kind: 'directory', path: '', mode }
  for (const path of walDirectories(major)) yield { kind: 'directory', path, mode }
  const tablespaces = await reading('pg_tblspc', readTablespaces(dataDirectory))
  const nested = await nestedLocations(dataDirectory, tablespaces)
  yield* walk({ dataDirectory, mode, nested }, '', signal)

  for (const { oid, path, location } of tablespaces) {
    if (location === undefined) yield { kind: 'directory', path, mode }
    else yield { kind: 'tablespace', oid, path, location }
    const inside = `${path}/${versionDirectory(major, options.catalogVersion)}`
    const stats = statIfThere(join(dataDirectory, inside))
    if (stats?.isDirectory()) {
      yield { kind: 'directory', path: inside, mode: stats.mode & 0o7777 }
      yield* walk({ dataDirectory, mode, nested: new Set() }, inside, signal)
    } else {
      yield { kind: 'warning', message: `tablespace ${path} has no folder ${inside}` }
    }
  }
}

interface Walk {
  readonly dataDirectory: string
  /** Of the data directory: for folders that stand in for links. */
  readonly mode: number
  /** Folders whose contents come later, as tablespaces. */
  readonly nested: ReadonlySet<string>
}

async function* walk(around: Walk, start: string, signal: AbortSignal): AsyncGenerator<ScanItem> {
  const pending = [start]
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for (const slice of scanDirectory(around, path)) {
      yield* slice.items
      pending.push(...slice.directories)
      signal.throwIfAborted()
      await letOthersWork()
    }
  }
}

interface Slice {
  readonly items: readonly ScanItem[]
  /** To be walked, too. */
  readonly directories: readonly string[]
}

function* scanDirectory(around: Walk, path: string): Generator<Slice> {
  const absolute = join(around.dataDirectory, path)
  const unlogged = isRelationDirectory(path) ? yield* unloggedRelations(absolute) : noRelations
  let slice = new SliceBuilder(path)
  for (const name of namesIn(absolute)) {
    if (isLeftOut(name) || isUnlogged(name, unlogged)) continue
    if (isTemporaryRelation(name) && isDatabaseDirectory(path)) continue
    if (name.includes('\uFFFD')) {
      slice.warn(`skipping ${join(path, name)}: its name is not UTF-8`)
      continue
    }
    addEntry(slice, around, path, name)
    if (slice.count >= limits.scanSliceFiles) {
      yield slice
      slice = new SliceBuilder(path)
    }
  }
  yield slice
}

function addEntry(slice: SliceBuilder, around: Walk, directory: string, name: string): void {
  const path = directory === '' ? name : `${directory}/${name}`
  if (path === 'pg_wal' || path === controlFilePath) return
  const stats = statIfThere(join(around.dataDirectory, path))
  if (!stats) return
  if (isEmptied(name)) {
    if (stats.isDirectory()) slice.directory(path, stats.mode & 0o7777)
    else if (stats.isSymbolicLink()) slice.directory(path, around.mode)
  } else if (stats.isFile()) {
    slice.file(name, stats.size)
  } else if (stats.isDirectory()) {
    slice.directory(path, stats.mode & 0o7777)
    if (path !== 'pg_tblspc' && !around.nested.has(path)) slice.directories.push(path)
  } else {
    slice.warn(special(path, stats, around.dataDirectory))
  }
}

/** PostgreSQL takes neither; a link to a file outside is often a configuration file that somebody moved. */
function special(path: string, stats: Stats, dataDirectory: string): string {
  if (!stats.isSymbolicLink()) return `skipping special file ${path}`
  return `skipping symbolic link ${path} to ${readlinkSync(join(dataDirectory, path))}: what it points to is not backed up`
}

class SliceBuilder implements Slice {
  readonly directories: string[] = []
  readonly #path: string
  readonly #items: ScanItem[] = []
  readonly #names: string[] = []
  readonly #sizes: number[] = []

  constructor(path: string) {
    this.#path = path
  }

  get count(): number {
    return this.#names.length + this.#items.length
  }

  get items(): readonly ScanItem[] {
    if (this.#names.length === 0) return this.#items
    return [...this.#items, { kind: 'files', directory: this.#path, names: this.#names, sizes: this.#sizes }]
  }

  file(name: string, sizeBytes: number): void {
    this.#names.push(name)
    this.#sizes.push(sizeBytes)
  }

  directory(path: string, mode: number): void {
    this.#items.push({ kind: 'directory', path, mode })
  }

  warn(message: string): void {
    this.#items.push({ kind: 'warning', message })
  }
}

const noRelations: ReadonlySet<number> = new Set()
const nothing: Slice = { items: [], directories: [] }

/** Relations with an init fork: the server makes all their other forks anew after a restore. */
function* unloggedRelations(absolute: string): Generator<Slice, ReadonlySet<number>> {
  const found = new Set<number>()
  let count = 0
  for (const name of namesIn(absolute)) {
    if (++count % limits.scanSliceFiles === 0) yield nothing
    if (!name.endsWith('_init')) continue
    const file = parseRelationFileName(name)
    if (file) found.add(file.relation)
  }
  return found
}

function isUnlogged(name: string, unlogged: ReadonlySet<number>): boolean {
  if (unlogged.size === 0) return false
  const file = parseRelationFileName(name)
  return file !== undefined && file.fork !== 'init' && unlogged.has(file.relation)
}

/** The names in a directory, read in pieces: a database may have a million files. Empty when it has vanished. */
function* namesIn(absolute: string): Generator<string> {
  const directory = openIfThere(absolute)
  if (!directory) return
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) yield entry.name
  } finally {
    directory.closeSync()
  }
}

function openIfThere(absolute: string): Dir | undefined {
  try {
    return opendirSync(absolute, { bufferSize: 1024 })
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw unreadable(absolute, error)
  }
}

function statIfThere(absolute: string): Stats | undefined {
  try {
    return lstatSync(absolute, { throwIfNoEntry: false })
  } catch (error) {
    throw unreadable(absolute, error)
  }
}

function statRoot(dataDirectory: string): Stats {
  const stats = statIfThere(join(dataDirectory, '.'))
  if (stats?.isDirectory() && statIfThere(join(dataDirectory, controlFilePath))) return stats
  throw new Fault(
    'DATA_DIRECTORY',
    `${dataDirectory} is not a data directory: it has no ${controlFilePath}`,
    {
      hint: 'Run on the host of the server, where its data directory is, or correct the path.',
    },
  )
}

async function reading<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw unreadable(what, error)
  }
}

function unreadable(path: string, error: unknown): Fault {
  return new Fault('DATA_DIRECTORY', `${path} can not be read: ${messageOf(error)}`, {
    hint: 'Run as the user that owns the data directory (usually postgres), or as a member of its group if the cluster allows group access.',
    cause: error,
  })
}
