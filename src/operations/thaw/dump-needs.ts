/** What of a dump lies in the cold: in repositories from which alone it can be read. */
import type { DumpRecord } from '../../repository/format/dump-record.ts'
import { dumpFolder } from '../../repository/layout.ts'
import { folderOfDump, type DumpCopy, type KnownDump } from '../sources/dumps.ts'
import { coldOfCopies, type ColdNeed } from './restore-needs.ts'

/** What is to be read of it. */
export interface DumpPart {
  /** By its name when it was dumped. */
  readonly database: string | undefined
  readonly globals: boolean
}

/** Empty: all of the part can be read at once. */
export function coldNeedsOfDump(
  copies: readonly DumpCopy[],
  part: DumpPart,
  signal: AbortSignal,
): Promise<readonly ColdNeed[]> {
  const places = copies.map(copy => {
    const folder = folderOfDump(copy)
    const needed = new Set(namesIn(copy.record, part).map(name => folder + name))
    return { source: copy.source, folder, isNeeded: (key: string) => needed.has(key) }
  })
  return coldOfCopies(places, signal)
}

/** Of one whose record itself is cold, so that nobody can tell what of it is needed: all of it. */
export function coldNeedsOfWholeDump(
  { id, sources }: Pick<KnownDump, 'id' | 'sources'>,
  signal: AbortSignal,
): Promise<readonly ColdNeed[]> {
  const places = sources.map(source => ({
    source,
    folder: `${dumpFolder(source.repository.identity.cluster, id)}/`,
  }))
  return coldOfCopies(places, signal)
}

function namesIn({ globals, databases }: DumpRecord, part: DumpPart): readonly string[] {
  const chosen = databases.filter(({ name }) => name === part.database)
  return [
    ...(part.globals ? [globals.name] : []),
    ...chosen.flatMap(({ contents, objects }) => [contents.name, ...objects.map(({ name }) => name)]),
  ]
}
