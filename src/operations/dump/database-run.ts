/** What is known, and what is needed, when one database is dumped. */
import type { Progress } from '../../base/progress.ts'
import type { Rates } from '../../base/rates.ts'
import type { Clock } from '../../base/world.ts'
import type { Server } from '../../postgres/connection.ts'
import { textOf, type TocEntry } from '../../postgres/dump-archive/archive.ts'
import { startClient, type ClientOutput } from '../../postgres/dump/client-output.ts'
import type { Database } from '../../postgres/dump/databases.ts'
import { dumpEncoding, type DumpHow } from '../../postgres/dump/dump-arguments.ts'
import type { HeldSnapshot } from '../../postgres/dump/held-snapshot.ts'
import type { DumpSelection, DumpedData, DumpedFile } from '../../repository/format/dump-contents.ts'
import type { DumpedDatabase, DumpedObject } from '../../repository/format/dump-record.ts'
import type { ObjectPlace } from './sealed-object.ts'

export interface DatabaseRun {
  readonly database: Database
  /** From 1. */
  readonly number: number
  readonly snapshot: HeldSnapshot
  /** The session that holds the snapshot. */
  readonly session: Server
  readonly selection: DumpSelection
  readonly lockWaitMs: number | undefined
  readonly pgDump: string
  readonly environment: Readonly<Record<string, string>>
  readonly place: ObjectPlace
  readonly progress: Progress
  readonly clock: Clock
  readonly rates: Rates | undefined
}

/** What was stored of a database, but for its contents. */
export interface DumpedParts {
  readonly shape: DumpedDatabase['shape']
  readonly rawBytes: number
  readonly objects: readonly DumpedObject[]
  readonly data: readonly DumpedData[]
  readonly files: readonly DumpedFile[]
  readonly warnings: readonly string[]
}

export function startPgDump(
  { pgDump, environment, database, rates }: DatabaseRun,
  args: readonly string[],
  signal: AbortSignal,
): ClientOutput {
  const output = startClient(
    { path: pgDump, args, environment, about: `database "${database.name}"` },
    signal,
  )
  return rates ? { ...output, bytes: slowed(output.bytes, rates, signal) } : output
}

/** Who is not read from waits: pg_dump, and the server behind it. */
async function* slowed(
  bytes: AsyncIterable<Uint8Array>,
  rates: Rates,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    await rates.take('read', piece.length, signal)
    yield piece
  }
}

export function howToDump({ snapshot, lockWaitMs, database, selection }: DatabaseRun): DumpHow {
  return { snapshot: snapshot.name, lockWaitMs, encoding: dumpEncoding(database.encoding, selection) }
}

export function nameOf(entry: TocEntry, encoding: string): Pick<DumpedData, 'schema' | 'table'> {
  return { schema: textOf(entry.schema ?? '', encoding), table: textOf(entry.tag ?? '', encoding) }
}
