/** Puts `dump.json` together from what is known when everything is in the repository. */
import { toolName } from '../../base/version.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import { isWhole } from '../../postgres/dump/dump-arguments.ts'
import type { DumpRecord, DumpedDatabase } from '../../repository/format/dump-record.ts'
import { formatLsn, parseLsn } from '../../wal/lsn.ts'
import type { DumpRequest, DumpSource } from './dump.ts'

export interface DumpRecordParts {
  readonly id: string
  readonly cluster: string
  readonly source: DumpSource
  readonly request: DumpRequest
  readonly encoding: Encoding
  readonly globals: DumpRecord['globals']
  readonly databases: readonly DumpedDatabase[]
  readonly warnings: readonly string[]
  readonly startedMs: number
  readonly endedMs: number
  readonly durationMs: number
}

export function buildDumpRecord(parts: DumpRecordParts): DumpRecord {
  const { source, request, databases, globals, encoding } = parts
  const { facts, pgDump } = source
  const sum = (of: (database: DumpedDatabase) => number): number =>
    databases.reduce((total, database) => total + of(database), 0)
  const storedBytes =
    globals.sizeBytes +
    sum(({ objects, contents }) =>
      objects.reduce((total, { sizeBytes }) => total + sizeBytes, contents.sizeBytes),
    )
  return {
    format: 1,
    id: parts.id,
    kind: 'dump',
    cluster: parts.cluster,
    label: request.label,
    systemIdentifier: facts.systemIdentifier,
    postgres: { versionNumber: facts.versionNumber, version: facts.version },
    pgDump: { versionNumber: versionNumberOf(pgDump.version), version: pgDump.version },
    host: request.host,
    fromStandby: facts.inRecovery,
    startedAt: new Date(parts.startedMs).toISOString(),
    endedAt: new Date(parts.endedMs).toISOString(),
    timeline: facts.timeline,
    lsn: earliest(databases.map(({ snapshotLsn }) => snapshotLsn)) ?? formatLsn(facts.lsn),
    selection: {
      databases: request.databases.length === 0 ? 'all' : 'named',
      contents: isWhole(request.selection) ? 'all' : 'part',
    },
    sizes: {
      databases: databases.length,
      tables: sum(({ tables }) => tables),
      rows: sum(({ rows }) => rows),
      rawBytes: globals.rawBytes + sum(({ rawBytes }) => rawBytes),
      storedBytes,
    },
    globals,
    databases,
    compression: { algorithm: 'zstd', level: encoding.level },
    recipients: encoding.recipients,
    warnings: parts.warnings,
    durationMs: Math.round(parts.durationMs),
    tool: toolName,
  }
}

/** `15.18` is 150018; what follows the numbers (`18beta1`) counts for nothing. */
function versionNumberOf(version: string): number {
  const [, major = '0', minor = '0'] = /^(\d+)(?:\.(\d+))?/.exec(version) ?? []
  return Number(major) * 10_000 + Number(minor)
}

function earliest(lsns: readonly string[]): string | undefined {
  return lsns.toSorted((a, b) => ((parseLsn(a) ?? 0n) < (parseLsn(b) ?? 0n) ? -1 : 1))[0]
}
