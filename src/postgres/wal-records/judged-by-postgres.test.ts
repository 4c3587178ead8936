/** What PostgreSQL itself says of its WAL: pg_walinspect from 15 on, commit timestamps on 14, and Debian's pg_waldump. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { crc32c } from '@node-rs/crc32'
import { describe, expect, test } from 'vitest'
import { WalWriter } from '../../../test/fakes/wal-writer.ts'
import type { Major } from '../../../test/support/postgres-binaries.ts'
import { startServer, type TestServer } from '../../../test/support/postgres-server.ts'
import { findClientTool } from '../../../test/support/tools.ts'
import type { ReadEvent, TransactionEnd, WalEvent } from '../../wal/events.ts'
import { formatLsn, parseLsn } from '../../wal/lsn.ts'
import { classifyWalFile, parseSegmentName } from '../../wal/segment.ts'
import { parseTime, type Micros } from '../../wal/time.ts'
import { scanCommitTimes } from './commit-times.ts'
import { readWalEvents } from './read-events.ts'
import { checkSegmentHeader } from './segment-header.ts'

const run = promisify(execFile)
const segmentSizesMb: readonly (readonly [Major, number])[] = [
  [14, 16],
  [15, 1],
  [16, 16],
  [17, 4],
  [18, 16],
]

/** Commits and aborts of every shape: plain, with sub-transactions, files, statistics, and prepared. */
const work = [
  'CREATE TABLE t (id int, filler text)',
  'INSERT INTO t SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 8000) i',
  'CREATE TABLE p (id int PRIMARY KEY)',
  `DO $$ BEGIN FOR i IN 1..200 LOOP
     BEGIN INSERT INTO t VALUES (i, 'x'); IF i % 3 = 0 THEN RAISE 'no'; END IF; EXCEPTION WHEN OTHERS THEN NULL; END;
   END LOOP; END $$`,
  "SELECT pg_create_restore_point('between')",
  'BEGIN; DROP TABLE p; SAVEPOINT a; CREATE TABLE q (id int PRIMARY KEY); CREATE INDEX ON q (id); PREPARE TRANSACTION $$one$$',
  'COMMIT PREPARED $$one$$',
  'BEGIN; SAVEPOINT a; CREATE TABLE r (id int PRIMARY KEY); PREPARE TRANSACTION $$two$$',
  'ROLLBACK PREPARED $$two$$',
  'BEGIN; CREATE TABLE s (id int); INSERT INTO s VALUES (1); ROLLBACK',
  'CHECKPOINT',
  ...Array.from(
    { length: 40 },
    (_, i) => `UPDATE t SET filler = repeat('y', ${String(i)}) WHERE id = ${String(i)}`,
  ),
  'DROP TABLE t',
  "SELECT pg_create_restore_point('end of the ''work''')",
]

async function workedServer(major: Major, walSegmentSizeMb: number): Promise<TestServer> {
  const settings = {
    track_commit_timestamp: true,
    max_prepared_transactions: 4,
    wal_keep_size: '1GB',
    autovacuum: false,
  }
  const server = await startServer({ major, walSegmentSizeMb, archiveCommand: true, settings })
  for (const sql of work) await server.query(sql)
  const last = await server.value('SELECT pg_walfile_name(pg_switch_wal())')
  while (!readdirSync(server.archiveDirectory).includes(last)) await delay(50)
  return server
}

function archivedSegments(server: TestServer): readonly (readonly [string, Buffer])[] {
  return readdirSync(server.archiveDirectory)
    .filter(name => classifyWalFile(name)?.kind === 'segment')
    .toSorted()
    .map(name => [name, readFileSync(join(server.archiveDirectory, name))] as const)
}

async function readAll(segments: readonly (readonly [string, Buffer])[]): Promise<readonly ReadEvent[]> {
  const contents = segments.map(([, bytes]) => bytes)
  return Array.fromAsync(readWalEvents(contents, { crc32c: (bytes, before) => crc32c(bytes, before) }))
}

/** What both sides tell of a record, in one line. */
function lineOf(event: WalEvent): string {
  const where = `${formatLsn(event.startLsn)} to ${formatLsn(event.endLsn)}`
  switch (event.kind) {
    case 'commit':
    case 'abort':
      return `${where} ${event.kind} ${String(event.xid)} ${String(event.time)}`
    case 'prepare':
      return `${where} prepare ${String(event.xid)}`
    case 'restore point':
      return `${where} restore point ${event.name}`
    case 'checkpoint':
      return `${where} checkpoint, redo ${formatLsn(event.redoLsn)}, timeline ${String(event.timeline)}`
    default:
      return `${where} ${event.kind}`
  }
}

interface Inspected {
  readonly [column: string]: unknown
  readonly start_lsn: string
  readonly end_lsn: string
  readonly xid: string
  readonly record_type: string
  readonly description: string
}

/** The same line from a row of pg_walinspect. */
function lineOfRow({ start_lsn, end_lsn, xid, record_type, description }: Inspected): string {
  const where = `${start_lsn} to ${end_lsn}`
  const twoPhase = /^(\d+): /.exec(description)?.[1]
  const time = timeIn(description)
  const redo = /redo ([0-9A-F]+\/[0-9A-F]+); tli (\d+)/.exec(description)
  const lines: Readonly<Record<string, string>> = {
    COMMIT: `commit ${xid} ${String(time)}`,
    ABORT: `abort ${xid} ${String(time)}`,
    COMMIT_PREPARED: `commit ${twoPhase ?? ''} ${String(time)}`,
    ABORT_PREPARED: `abort ${twoPhase ?? ''} ${String(time)}`,
    PREPARE: `prepare ${xid}`,
    RESTORE_POINT: `restore point ${description}`,
    CHECKPOINT_ONLINE: `checkpoint, redo ${redo?.[1] ?? ''}, timeline ${redo?.[2] ?? ''}`,
    CHECKPOINT_SHUTDOWN: `checkpoint, redo ${redo?.[1] ?? ''}, timeline ${redo?.[2] ?? ''}`,
    SWITCH: 'switch',
  }
  return `${where} ${lines[record_type] ?? record_type}`
}

function timeIn(description: string): Micros | undefined {
  return parseTime(/(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?: UTC|\+00))/.exec(description)?.[1] ?? '')
}

const isEnd = (event: WalEvent): event is TransactionEnd => event.kind === 'commit' || event.kind === 'abort'
const isEvent = (event: ReadEvent): event is WalEvent => event.kind !== 'end' && event.kind !== 'watched'

describe.each(segmentSizesMb)('the WAL of PostgreSQL %i, in segments of %i MiB', (major, sizeMb) => {
  test('says of its transactions, restore points and checkpoints what PostgreSQL says of them', async () => {
    await using server = await workedServer(major, sizeMb)
    const segments = archivedSegments(server)
    const events = (await readAll(segments)).filter(isEvent)
    const systemIdentifier = await server.value('SELECT system_identifier FROM pg_control_system()')
    for (const [name, bytes] of segments) {
      const header = checkSegmentHeader(bytes, bytes.length, name, {
        systemIdentifier,
        walSegmentSizeBytes: sizeMb << 20,
      })
      expect(header.postgresMajor).toBe(major)
    }
    if (major === 14) await expectCommitTimestamps(server, events)
    else expect(events.map(lineOf)).toEqual(await inspectedLines(server, segments, sizeMb << 20))
    expectTimesBySegment(segments, events, sizeMb << 20)
  })
})

async function inspectedLines(
  server: TestServer,
  segments: readonly (readonly [string, Buffer])[],
  segmentSizeBytes: number,
): Promise<readonly string[]> {
  await server.query('CREATE EXTENSION pg_walinspect')
  const [first = ''] = segments.map(([name]) => name)
  const startLsn = parseSegmentName(first, segmentSizeBytes).number * BigInt(segmentSizeBytes) + 40n
  const lastNumber = parseSegmentName(segments.at(-1)?.[0] ?? '', segmentSizeBytes).number
  const session = await server.connect()
  try {
    await session.query("SET timezone = 'UTC'")
    const { rows } = await session.query<Inspected>(
      `SELECT start_lsn::text, end_lsn::text, xid::text, record_type, description
         FROM pg_get_wal_records_info($1, pg_current_wal_flush_lsn())
        WHERE resource_manager = 'Transaction' AND record_type IN ('COMMIT', 'ABORT', 'PREPARE', 'COMMIT_PREPARED', 'ABORT_PREPARED')
           OR resource_manager = 'XLOG' AND record_type IN ('RESTORE_POINT', 'SWITCH', 'CHECKPOINT_ONLINE', 'CHECKPOINT_SHUTDOWN')`,
      [formatLsn(startLsn)],
    )
    const end = (lastNumber + 1n) * BigInt(segmentSizeBytes)
    return rows.filter(({ start_lsn }) => (parseLsn(start_lsn) ?? 0n) < end).map(lineOfRow)
  } finally {
    await session.end()
  }
}

async function expectCommitTimestamps(server: TestServer, events: readonly WalEvent[]): Promise<void> {
  const commits = events.filter(isEnd).filter(({ kind }) => kind === 'commit')
  expect(commits.length).toBeGreaterThan(40)
  const rows = await server.query<{ xid: string; micros: string | null }>(
    `SELECT xid::text, (extract(epoch FROM pg_xact_commit_timestamp(xid)) * 1000000)::bigint::text AS micros
       FROM unnest($1::xid[]) AS xid`,
    [commits.map(({ xid }) => xid).filter(xid => xid >= 3)],
  )
  const known = rows.filter(({ micros }) => micros !== null)
  expect(known.length).toBeGreaterThan(40)
  for (const { xid, micros } of known) {
    expect(commits.find(commit => String(commit.xid) === xid)?.time, xid).toBe(Number(micros))
  }
  const names = events.filter(event => event.kind === 'restore point').map(({ name }) => name)
  expect(names).toEqual(['between', "end of the 'work'"])
}

/** The quick scan at push sees what the careful reading sees. */
function expectTimesBySegment(
  segments: readonly (readonly [string, Buffer])[],
  events: readonly WalEvent[],
  segmentSizeBytes: number,
): void {
  for (const [name, bytes] of segments) {
    const { number } = parseSegmentName(name, segmentSizeBytes)
    const within = events.filter(event => event.startLsn / BigInt(segmentSizeBytes) === number)
    const times = within.filter(isEnd).map(({ time }) => time)
    expect(scanCommitTimes(bytes)?.count ?? 0, name).toBe(times.length)
    if (times.length > 0) expect(scanCommitTimes(bytes)?.latest, name).toBe(Math.max(...times))
  }
}

const waldump = findClientTool('pg_waldump', 15)

test.skipIf(waldump.path === undefined)(
  'pg_waldump reads the WAL that the other tests write themselves',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hf-wal-'))
    try {
      const wal = new WalWriter({ segmentSizeBytes: 1 << 20 })
      const time = parseTime('2026-03-01 02:00Z') ?? 0
      for (let i = 0; wal.segments.size < 3; i++) {
        wal.commit(i, time + i)
        wal.filler((i * 37) % 20_000)
      }
      wal.commitPrepared(4711, time)
      wal.restorePoint('here', time)
      wal.switch()
      for (const [name, bytes] of wal.segments) writeFileSync(join(folder, name), bytes)
      const [first = '', ...rest] = wal.segments.keys()
      const args = [
        ...['--rmgr=Transaction', '--rmgr=XLOG'],
        join(folder, first),
        join(folder, rest.at(-1) ?? ''),
      ]
      const { stdout } = await run(waldump.path ?? '', args, { env: { TZ: 'UTC' }, maxBuffer: 1 << 26 })
      const starts = [...stdout.matchAll(/lsn: ([0-9A-F]+\/[0-9A-F]+)/g)].map(([, lsn]) =>
        parseLsn(lsn ?? ''),
      )
      const events = (await readAll([...wal.segments])).filter(isEvent)
      expect(events.map(({ startLsn }) => startLsn)).toEqual(starts)
      expect(stdout).toMatch(/COMMIT_PREPARED 4711: 2026-03-01 02:00:00/)
      expect(stdout).toMatch(/RESTORE_POINT here/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)
