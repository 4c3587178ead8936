/**
 * What repositories are owed: WAL files that PostgreSQL was told are safe, since enough other repositories have them.
 *
 *     pg_wal/holdfast-owed/<repository's id>/target.json       its name and since when it is behind
 *                                            circuit.json      its failures, and when it is tried again
 *                                            warned            touched when a warning was told
 *                                            <WAL file>        empty: this file is owed
 *
 * A note is durable before PostgreSQL is answered. It lies in pg_wal because that is where the files are, and because
 * backups leave it out; a server that takes over knows nothing of it, and finds what is missing by comparing
 * repositories (`holdfast copy`).
 */
import { mkdir, open, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf, type Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Clock } from '../../base/world.ts'
import { classifyWalFile } from '../../wal/segment.ts'
import { circuitAfter, isOpen, type Circuit } from './circuit.ts'

export interface OwedTarget {
  readonly name: string
  readonly id: string
}

export interface OwedBook {
  /** Durable when this returns. */
  note(target: OwedTarget, file: string): Promise<void>
  settled(target: OwedTarget, file: string): Promise<void>
  /** In the order in which they are brought: histories first, then by name. */
  list(target: OwedTarget): Promise<readonly string[]>
  /** When this file was noted; undefined when it is not owed any more. */
  notedMs(target: OwedTarget, file: string): Promise<number | undefined>
  circuit(target: OwedTarget): Promise<Circuit | undefined>
  failed(target: OwedTarget, fault: Fault): Promise<void>
  succeeded(target: OwedTarget): Promise<void>
  /** Whether nobody was told for a while that it is behind. */
  isWarningDue(target: OwedTarget): Promise<boolean>
  /** Whether a warning is due; it counts as told. */
  takeWarning(target: OwedTarget): Promise<boolean>
}

/** A repository that lacks WAL, for `wal status`, `status` and `doctor`. */
export interface OwedFacts {
  readonly repository: string
  readonly files: number
  /** The first and the last of them; null when it merely can not be reached. */
  readonly first: string | null
  readonly last: string | null
  /** When the first of them was noted; null when it lacks nothing. */
  readonly since: string | null
  /** ISO 8601, UTC; null when it can be reached, as far as is known. */
  readonly unreachableSince: string | null
  readonly lastError: string | null
}

const owedFolderName = 'holdfast-owed'

export function openOwedBook(walFolder: string, clock: Pick<Clock, 'now'>): OwedBook {
  const folderOf = ({ id }: OwedTarget): string => join(walFolder, owedFolderName, id)
  const circuit: OwedBook['circuit'] = async target =>
    readJson<Circuit>(join(folderOf(target), 'circuit.json'))
  const warnedPath = (target: OwedTarget): string => join(folderOf(target), 'warned')
  const isWarningDue: OwedBook['isWarningDue'] = async target => {
    const info = await stat(warnedPath(target)).catch(unlessMissing)
    return !info || clock.now() - info.mtimeMs >= limits.walBehindWarningMsMin
  }
  return {
    circuit,
    isWarningDue,
    async note(target, file) {
      const folder = folderOf(target)
      await makeFolder(folder, target)
      await (await open(join(folder, file), 'w', 0o600)).close()
      await syncFolder(folder)
    },
    async settled(target, file) {
      await rm(join(folderOf(target), file), { force: true })
    },
    async list(target) {
      const names = (await readdir(folderOf(target)).catch(unlessMissing)) ?? []
      return walFilesInOrder(names)
    },
    async notedMs(target, file) {
      return (await stat(join(folderOf(target), file)).catch(unlessMissing))?.mtimeMs
    },
    async failed(target, fault) {
      const folder = folderOf(target)
      await makeFolder(folder, target)
      const next = circuitAfter(await circuit(target), fault, clock.now())
      await replaceFile(join(folder, 'circuit.json'), JSON.stringify(next))
    },
    async succeeded(target) {
      await rm(join(folderOf(target), 'circuit.json'), { force: true })
    },
    async takeWarning(target) {
      if (!(await isWarningDue(target))) return false
      const path = warnedPath(target)
      await makeFolder(folderOf(target), target)
      await writeFile(path, '')
      const now = new Date(clock.now())
      await utimes(path, now, now)
      return true
    },
  }
}

/** Those among `targets` that lack something or can not be reached. Touches no repository. */
export async function readOwed(
  walFolder: string,
  targets: readonly OwedTarget[],
  clock: Pick<Clock, 'now'>,
): Promise<readonly OwedFacts[]> {
  const book = openOwedBook(walFolder, clock)
  const all = await Promise.all(
    targets.map(async target => {
      const [files, circuit] = await Promise.all([book.list(target), book.circuit(target)])
      const notedMs = files[0] === undefined ? undefined : await book.notedMs(target, files[0])
      return {
        repository: target.name,
        files: files.length,
        first: files[0] ?? null,
        last: files.at(-1) ?? null,
        since: notedMs === undefined ? null : new Date(notedMs).toISOString(),
        unreachableSince: circuit ? new Date(circuit.sinceMs).toISOString() : null,
        lastError: circuit?.message ?? null,
      }
    }),
  )
  return all.filter(({ files, unreachableSince }) => files > 0 || unreachableSince !== null)
}

/** The names of the targets that are not to be tried now. */
export async function openCircuits(
  book: OwedBook,
  targets: readonly OwedTarget[],
  clock: Pick<Clock, 'now'>,
): Promise<readonly string[]> {
  const circuits = await Promise.all(targets.map(target => book.circuit(target)))
  return targets.filter((_, i) => isOpen(circuits[i], clock.now())).map(({ name }) => name)
}

/** As PostgreSQL's archiver takes them: a new timeline's history first, since others wait for it. */
export function walFilesInOrder(names: readonly string[]): readonly string[] {
  const rank = (name: string): number => (name.endsWith('.history') ? 0 : 1)
  return names.filter(name => classifyWalFile(name)).toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
}

/** Not `recursive`: see makeSpoolFolder. */
async function makeFolder(folder: string, { name }: OwedTarget): Promise<void> {
  if (await stat(folder).catch(unlessMissing)) return
  for (const path of [dirname(folder), folder]) {
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error
    })
    await syncFolder(dirname(path))
  }
  await replaceFile(join(folder, 'target.json'), JSON.stringify({ name }))
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

let replacements = 0

/** Several files that are pushed at the same time may fail of one repository: none of them takes another's unfinished file. */
async function replaceFile(path: string, text: string): Promise<void> {
  const unfinished = `${path}.${String(process.pid)}.${String(++replacements)}`
  await writeFile(unfinished, text, { mode: 0o600 })
  await rename(unfinished, path)
}

/** What can not be read is as if it were not there: the repository is tried then, which does no harm. */
async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch {
    return undefined
  }
}

function unlessMissing(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error
}
