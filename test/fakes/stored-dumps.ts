/** Dumps in repositories in memory, sealed as real ones are, without PostgreSQL. */
import { readFileSync } from 'node:fs'
import { suffixOf } from '../../src/pipeline/codec.ts'
import { commitDump } from '../../src/repository/dump-catalog.ts'
import { parseDumpRecord } from '../../src/repository/format/dump-json.ts'
import type { DumpRecord } from '../../src/repository/format/dump-record.ts'
import {
  customDumpName,
  directoryFileName,
  directoryPackName,
  dumpContentsName,
  dumpFolder,
  globalsName,
} from '../../src/repository/layout.ts'
import { storeStream } from '../../src/repository/stored-stream.ts'
import { labIdentity, labSignal as signal, packContent, type MemorySide } from './copy-lab.ts'

const template = parseDumpRecord(
  readFileSync(new URL('../vectors/records/dump.json', import.meta.url)),
  'vector',
)

/** A committed dump of two databases, one in each shape. What an object holds is `packContent` of its name, unless said otherwise. */
export async function putDump(
  side: MemorySide,
  id: string,
  more: Partial<DumpRecord> = {},
  contentOf: (name: string) => Buffer = name => packContent(id, name),
): Promise<DumpRecord> {
  const encoding = { level: 1, recipients: side.recipients }
  const suffix = suffixOf(encoding)
  const put = async (name: string) => ({
    name,
    ...(await storeStream(
      { storage: side.storage, key: `${dumpFolder(labIdentity.cluster, id)}/${name}`, encoding },
      once(contentOf(name)),
      signal,
    )),
  })
  const raw = async (name: string) => ({ ...(await put(name)), rawBytes: contentOf(name).length })
  const globals = await raw(globalsName(suffix))
  const objects = [
    [await raw(customDumpName(1, suffix))],
    [await raw(directoryPackName(2, 1, suffix)), await raw(directoryFileName(2, '3456.dat', suffix))],
  ]
  const contents = [await put(dumpContentsName(1, suffix)), await put(dumpContentsName(2, suffix))]
  const storedBytes = [globals, ...objects.flat(), ...contents].reduce(
    (sum, { sizeBytes }) => sum + sizeBytes,
    0,
  )
  const [first, second] = template.databases
  if (!first || !second) throw new Error('the vector has two databases')
  const record: DumpRecord = {
    ...template,
    id,
    globals,
    databases: [first, second].map((database, i) => ({
      ...database,
      objects: objects[i] ?? [],
      contents: contents[i] ?? database.contents,
    })),
    sizes: { ...template.sizes, storedBytes },
    recipients: side.recipients,
    ...more,
  }
  await commitDump(side.repository, record, signal)
  return record
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
