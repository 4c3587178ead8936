/**
 * The catalogues of a backup: which of its files hold pg_class and its like, found as PostgreSQL finds them. The relation
 * maps name pg_class and pg_database; pg_class names the others.
 *
 * The files are as they were while the backup was made: what its WAL changes is not in them yet, and dead rows still are.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { catalogueOids, parseClassRow } from '../../postgres/heap/catalogue-rows.ts'
import { parseHeapPage, type TupleData } from '../../postgres/heap/heap-page.ts'
import { parseRelationMap } from '../../postgres/heap/relation-map.ts'
import { firstBlockOf, relationFileAt } from '../../postgres/data-directory/relation-file.ts'
import type { ManifestDirectory, ManifestFile } from '../../repository/format/manifest.ts'
import type { RestoreDeps } from '../restore/layout.ts'
import { readManifestHead } from '../sources/manifest.ts'
import { fetchFiles } from './fetch-files.ts'

export type CatalogueName = keyof typeof catalogueOids

/** A file of a catalogue, in the folder that it was fetched into. */
export interface CataloguePart {
  readonly name: CatalogueName
  /** 0: shared by all databases. */
  readonly database: number
  readonly tablespace: number
  readonly relation: number
  readonly firstBlock: number
  readonly path: string
}

export interface BackupCatalogues extends AsyncDisposable {
  readonly parts: readonly CataloguePart[]
  readonly directories: readonly ManifestDirectory[]
  read(part: CataloguePart): Promise<Uint8Array>
  tuples(name: CatalogueName, database: number): AsyncIterable<TupleData>
}

/** `names` besides pg_class and pg_database. Held in a temporary folder until it is disposed of. */
export async function openBackupCatalogues(
  deps: RestoreDeps,
  names: readonly Exclude<CatalogueName, 'class' | 'database'>[],
  signal: AbortSignal,
): Promise<BackupCatalogues> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-catalogues-'))
  try {
    const { directories } = await readManifestHead(deps.copies, deps.troubles, signal)
    const fetcher = new Fetcher(deps, directory, directories, signal)
    const homes = await fetcher.homes()
    await fetcher.fetch(homes.map(home => ({ ...home, name: home.database === 0 ? 'database' : 'class' })))
    await fetcher.fetch(await fetcher.lookUp(names))
    return {
      parts: fetcher.parts,
      directories,
      read: part => readFile(join(directory, part.path)),
      tuples: (name, database) => fetcher.tuples(name, database),
      [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

/** A relation that is to be found in the folder of a database. */
interface Place {
  readonly name: CatalogueName
  readonly folder: string
  readonly database: number
  readonly tablespace: number
  readonly relation: number
}

class Fetcher {
  readonly #deps: RestoreDeps
  readonly #directory: string
  readonly #directories: readonly ManifestDirectory[]
  readonly #signal: AbortSignal
  #homes: readonly Omit<Place, 'name'>[] = []
  parts: readonly CataloguePart[] = []

  constructor(
    deps: RestoreDeps,
    directory: string,
    directories: readonly ManifestDirectory[],
    signal: AbortSignal,
  ) {
    this.#deps = deps
    this.#directory = directory
    this.#directories = directories
    this.#signal = signal
  }

  /** Where each database has its pg_class, and all together their pg_database. */
  async homes(): Promise<readonly Omit<Place, 'name'>[]> {
    const maps = await this.#files(({ path }) => path.endsWith(`/${mapName}`))
    const homes = await Promise.all(
      maps.map(async ({ path }) => {
        const folder = path.slice(0, -mapName.length - 1)
        const where = folderPlace(folder)
        const files = parseRelationMap(await readFile(join(this.#directory, path)))
        const relation = files?.get(where?.database === 0 ? catalogueOids.database : catalogueOids.class)
        return where && relation !== undefined ? [{ ...where, folder, relation }] : []
      }),
    )
    this.#homes = homes.flat()
    return this.#homes
  }

  async fetch(places: readonly Place[]): Promise<void> {
    const byPath = new Map(places.map(place => [`${place.folder}/${String(place.relation)}`, place]))
    const placeOf = (path: string): Place | undefined => {
      const file = relationFileAt(path)
      return file?.fork === 'main' ? byPath.get(path.replace(/\.\d+$/, '')) : undefined
    }
    const files = await this.#files(({ path }) => placeOf(path) !== undefined)
    const { relationSegmentBlocks } = this.#record.postgres
    const parts = files.flatMap(({ path }) => {
      const [place, file] = [placeOf(path), relationFileAt(path)]
      return place && file ? [{ ...place, path, firstBlock: firstBlockOf(file, relationSegmentBlocks) }] : []
    })
    this.parts = [...this.parts, ...parts]
  }

  /** Of every version of their rows: which one counts is not known yet. */
  async lookUp(names: readonly CatalogueName[]): Promise<readonly Place[]> {
    const major = Math.floor(this.#record.postgres.versionNumber / 10_000)
    const places: Place[] = []
    for (const home of this.#homes.filter(({ database }) => database !== 0)) {
      const seen = new Set<number>()
      for await (const tuple of this.tuples('class', home.database)) {
        const row = parseClassRow(tuple, major)
        const name = names.find(each => catalogueOids[each] === row?.oid)
        if (!row || name === undefined || row.file === 0 || seen.has(row.file)) continue
        seen.add(row.file)
        places.push({ ...home, name, relation: row.file })
      }
    }
    return places
  }

  async *tuples(name: CatalogueName, database: number): AsyncIterable<TupleData> {
    const { blockSizeBytes } = this.#record.postgres
    for (const part of this.parts) {
      if (part.name !== name || part.database !== database) continue
      const bytes = await readFile(join(this.#directory, part.path))
      for (let at = 0; at + blockSizeBytes <= bytes.length; at += blockSizeBytes)
        yield* parseHeapPage(bytes.subarray(at, at + blockSizeBytes)).tuples.values()
    }
  }

  get #record(): RestoreDeps['copies'][number]['record'] {
    const [first] = this.#deps.copies
    if (!first) throw new Error('assertion failed: a backup lies somewhere')
    return first.record
  }

  #files(select: (file: ManifestFile) => boolean): Promise<readonly ManifestFile[]> {
    const request = { directory: this.#directory, directories: this.#directories, select }
    return fetchFiles(this.#deps, request, this.#signal)
  }
}

const mapName = 'pg_filenode.map'
const defaultTablespace = 1663
const globalTablespace = 1664

/** By the folder of a database: `base/5`, `pg_tblspc/16400/PG_15_202209061/5`, or `global`. */
function folderPlace(folder: string): { database: number; tablespace: number } | undefined {
  if (folder === 'global') return { database: 0, tablespace: globalTablespace }
  const match = /^(?:base|pg_tblspc\/(\d+)\/[^/]+)\/(\d+)$/.exec(folder)
  if (!match) return undefined
  return { database: Number(match[2]), tablespace: Number(match[1] ?? defaultTablespace) }
}
