/** `--before-drop`: the position in the WAL just before what is to come back was dropped. */
import { Fault } from '../../base/fault.ts'
import type { NamePattern } from '../../postgres/dump-archive/name-pattern.ts'
import type { Lsn } from '../../wal/lsn.ts'
import type { TargetPlace } from '../restore-dump/target-place.ts'
import { isOfSchema, isOfTable } from '../wal-find/choose.ts'
import { assertDatabaseKnown, noSuchName, soughtInLive } from '../wal-find/live-names.ts'
import type { FindReport, Finding } from '../wal-find/report.ts'
import { walFind, type WalFindDeps } from '../wal-find/wal-find.ts'
import { describeScope, type Scope } from './scope.ts'

export interface DropPlace {
  readonly scope: Scope
  readonly database: string
  readonly live: TargetPlace
}

/** Of several: where all of them were there, before the earliest of their last drops. */
export async function beforeDrop(deps: WalFindDeps, place: DropPlace, signal: AbortSignal): Promise<Lsn> {
  const { scope, database } = place
  const request = {
    tables: scope.kind === 'tables' ? scope.patterns : [],
    schemas: scope.kind === 'schemas' ? scope.patterns : [],
    database,
    from: undefined,
    to: undefined,
    backupId: undefined,
    deletedRowsMin: Number.MAX_SAFE_INTEGER,
  }
  const report = await walFind(deps, request, signal)
  assertDatabaseKnown(report, database)
  if (scope.kind !== 'database') await assertKnown(report, place, scope, signal)
  const drops = lastDrops(scope, report.findings)
  const [first, ...others] = drops.map(({ beforeLsn }) => beforeLsn)
  if (first === undefined) throw noDrop(scope)
  return others.reduce((least, one) => (one < least ? one : least), first)
}

/** Decides only. For each name the last drop that there was; none for what was not dropped. */
export function lastDrops(scope: Scope, findings: readonly Finding[]): readonly Finding[] {
  const ofDatabase = findings.filter(({ kind }) => kind === 'database dropped')
  if (scope.kind === 'database') return ofDatabase.slice(-1)
  const last = scope.kind === 'tables' ? lastDropOfTable : lastDropOfSchema
  return scope.patterns.flatMap(pattern => last(findings, pattern) ?? [])
}

function lastDropOfTable(findings: readonly Finding[], pattern: NamePattern): Finding | undefined {
  return findings.findLast(finding => isDrop(finding) && isOfTable(finding, pattern, () => true))
}

/** Its own before that of anything in it: who made it anew may have dropped something since. */
function lastDropOfSchema(findings: readonly Finding[], pattern: NamePattern): Finding | undefined {
  const drops = findings.filter(finding => isDrop(finding) && isOfSchema(finding, pattern, () => true))
  return drops.findLast(({ kind }) => kind !== 'dropped') ?? drops.at(-1)
}

const isDrop = ({ kind }: Finding): boolean =>
  kind === 'dropped' || kind === 'schema dropped' || kind === 'database dropped'

async function assertKnown(
  { unknown }: FindReport,
  { database, live }: DropPlace,
  scope: Exclude<Scope, { kind: 'database' }>,
  signal: AbortSignal,
): Promise<void> {
  const schemas = scope.kind === 'schemas' ? scope.patterns : []
  const { names, trouble } = await soughtInLive(
    () => Promise.resolve(live),
    unknown,
    { database, schemas },
    signal,
  )
  const lost = names.find(({ isLive }) => !isLive)
  const name = scope.names[scope.patterns.findIndex(pattern => pattern === lost?.pattern)]
  if (lost && name !== undefined)
    throw noSuchName(describeScope({ ...scope, names: [name] }), lost.near, trouble)
}

function noDrop(scope: Scope): Fault {
  const how = { tables: '--table', schemas: '--schema', database: '--between' }[scope.kind]
  return new Fault(
    'TARGET_UNREACHABLE',
    `no drop of ${scope.kind === 'tables' ? scope.names.join(', ') : describeScope(scope)} is in the archived WAL`,
    {
      hint: `See what happened with holdfast wal find ${how}; what the server has not archived yet is handed over with SELECT pg_switch_wal().`,
    },
  )
}
