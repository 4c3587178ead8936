/** Stores what pg_dump writes as a dump in a repository that is not encrypted: also with a record that is not true. */
import { execFile } from 'node:child_process'
import { chownSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ArchiveParser, type DataBlock } from '../../src/postgres/dump-archive/archive-parser.ts'
import { isLargeObjects, textOf } from '../../src/postgres/dump-archive/archive.ts'
import { encodeDumpContents } from '../../src/repository/format/dump-contents.ts'
import { encodeDumpRecord } from '../../src/repository/format/dump-json.ts'
import type { DumpedDatabase, DumpRecord } from '../../src/repository/format/dump-record.ts'
import { customDumpName, dumpContentsName, dumpFolder, globalsName } from '../../src/repository/layout.ts'
import { storeStream } from '../../src/repository/stored-stream.ts'
import { openFsStorage } from '../../src/storage/drivers/fs.ts'
import { bodyOf } from '../../src/storage/storage.ts'
import { serverUser } from './postgres-binaries.ts'
import type { Lab } from './repository-lab.ts'

const run = promisify(execFile)
const signal = new AbortController().signal
const encoding = { level: 1, recipients: [] }

export interface StoredDumpOptions {
  readonly id: string
  readonly clients: string
  readonly databases: readonly string[]
  /** Instead of the rows that were counted, of the table of this name. */
  readonly rows?: Readonly<Record<string, number>>
  readonly record?: Partial<DumpRecord>
}

export async function storeDump(lab: Lab, options: StoredDumpOptions): Promise<DumpRecord> {
  const { id, clients } = options
  const storage = await openFsStorage(lab.repositoryDirectory)
  const folder = dumpFolder(lab.cluster, id)
  const place = ['-h', lab.server.socketDirectory, '-p', String(lab.server.port), '-U', 'postgres']
  const store = async (name: string, bytes: Uint8Array) => ({
    name,
    rawBytes: bytes.length,
    ...(await storeStream({ storage, key: `${folder}/${name}`, encoding }, once(bytes), signal)),
  })
  const big = { encoding: 'buffer', maxBuffer: 1 << 30 } as const
  const globals = await run(join(clients, 'pg_dumpall'), [...place, '--globals-only'], big)
  const databases: DumpedDatabase[] = []
  for (const [i, name] of options.databases.entries()) {
    const number = i + 1
    const { stdout } = await run(
      join(clients, 'pg_dump'),
      [...place, '-d', `dbname='${name.replaceAll(/['\\]/g, '\\$&')}'`, '-Fc', '-Z0'],
      big,
    )
    const blocks: DataBlock[] = []
    const parser = new ArchiveParser({ blockEnd: block => blocks.push(block) })
    parser.push(stdout)
    parser.end()
    const object = await store(customDumpName(number, '.zst'), stdout)
    const contents = {
      dump: id,
      number,
      options: { schemas: [], excludeSchemas: [], tables: [], excludeTables: [], excludeTableData: [] },
      data: blocks.map(({ entry, rows, largeObjects, dataBytes, offsetBytes, lengthBytes }) => {
        const table = isLargeObjects(entry) ? null : textOf(entry.tag ?? '', 'UTF8')
        return {
          dumpId: entry.dumpId,
          schema: table === null ? null : textOf(entry.schema ?? '', 'UTF8'),
          table,
          rows: table === null ? largeObjects : (options.rows?.[table] ?? rows),
          rawBytes: dataBytes,
          object: object.name,
          offsetBytes,
          lengthBytes,
          durationMs: 1,
        }
      }),
      files: [],
    }
    const { rawBytes: _, ...stored } = await store(
      dumpContentsName(number, '.zst'),
      Buffer.from([...encodeDumpContents(contents)].join('')),
    )
    databases.push({
      number,
      name,
      oid: number,
      owner: 'postgres',
      encoding: 'UTF8',
      shape: 'custom',
      snapshotLsn: '0/1',
      snapshotAt: '2026-03-01T02:00:00Z',
      tables: contents.data.length,
      rows: 0,
      largeObjects: 0,
      rawBytes: stdout.length,
      objects: [object],
      contents: stored,
      durationMs: 1,
    })
  }
  const [version] = await lab.server.query<{ number: string; version: string }>(
    `SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS version`,
  )
  const { stdout: said } = await run(join(clients, 'pg_dump'), ['--version'])
  const major = Number(/(\d+)\.\d+/.exec(said)?.[1])
  const record: DumpRecord = {
    format: 1,
    id,
    kind: 'dump',
    cluster: lab.cluster,
    label: '',
    systemIdentifier: await lab.server.value('SELECT system_identifier FROM pg_control_system()'),
    postgres: { versionNumber: Number(version?.number), version: version?.version ?? '' },
    pgDump: { versionNumber: major * 10_000, version: `${String(major)}.0` },
    host: 'here',
    fromStandby: false,
    startedAt: '2026-03-01T02:00:00Z',
    endedAt: '2026-03-01T02:00:01Z',
    timeline: 1,
    lsn: '0/1',
    selection: { databases: 'named', contents: 'all' },
    sizes: { databases: databases.length, tables: 0, rows: 0, rawBytes: 0, storedBytes: 0 },
    globals: await store(globalsName('.zst'), globals.stdout),
    databases,
    compression: { algorithm: 'zstd', level: 1 },
    recipients: [],
    warnings: [],
    durationMs: 1000,
    tool: 'tests',
    ...options.record,
  }
  await storage.put(`${folder}/dump.json`, bodyOf(encodeDumpRecord(record)), signal)
  giveToServer(lab.repositoryDirectory)
  return record
}

/** Who runs the tests may be root. */
function giveToServer(folder: string): void {
  const { uid, gid } = serverUser()
  for (const path of [
    folder,
    ...readdirSync(folder, { recursive: true }).map(name => join(folder, String(name))),
  ])
    chownSync(path, uid, gid)
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
