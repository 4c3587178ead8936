/** Decides what is wrong, how bad it is, and what to do about it. Touches nothing. */
import { limits } from '../../base/limits.ts'
import { formatBytes, formatDuration, second } from '../../base/units.ts'
import { isUnread } from '../copy/unread.ts'
import type { PlaceFacts, SeenPlace } from './facts.ts'
import { idTimeMs } from '../../repository/layout.ts'
import { ofCorruptPages, ofSizes } from './judge-backups.ts'
import { isLost, ofManaged } from './judge-managed.ts'
import { ofClock } from './judge-server.ts'
import { lagOf, leaderOf, type Lag } from './lag.ts'
import { describeOwed, owedFix, owedState } from '../wal-push/owed-here.ts'
import type { OwedFacts } from '../wal-push/owed.ts'
import { ofWindow } from './judge-window.ts'
import { findingOf, warningOf, type StatusFinding } from '../../policy/findings/finding.ts'

export type State = 'ok' | 'warning' | 'critical' | 'unknown'

export interface JudgedPlace {
  readonly facts: PlaceFacts
  readonly lag: Lag | undefined
  readonly owed: OwedFacts | undefined
  readonly findings: readonly StatusFinding[]
}

/** `owed`: of those that lack something. `isScheduled`: whether backups are late, their jobs tell. */
export function judgePlaces(
  places: readonly PlaceFacts[],
  nowMs: number,
  { owed = [], isScheduled = false }: { owed?: readonly OwedFacts[] | undefined; isScheduled?: boolean } = {},
): readonly JudgedPlace[] {
  const seen = places.filter(place => place.fault === undefined)
  return places.map(facts => {
    const lacking = owed.find(({ repository }) => repository === facts.place.name)
    const ofOwed = lacking ? owedFindings(lacking, nowMs) : []
    if (facts.fault !== undefined) {
      const findings = [outOfReach(facts.place.name, isVital(facts), facts.fault), ...ofOwed]
      return { facts, lag: undefined, owed: lacking, findings }
    }
    const leader = leaderOf(facts, seen)
    const lag = leader && lagOf(facts, leader)
    const findings = [
      ...ofBackups(facts, nowMs, isScheduled),
      ...ofRecords(facts),
      ...ofKey(facts),
      ...ofClock(`repository ${facts.place.name}`, facts.place.name, facts.clockAheadMs ?? 0),
      ...ofSnapshots(facts),
      ...ofManaged(facts.place.name, facts.managed ?? [], nowMs),
      ...ofWindow(facts, {
        isVital: isVital(facts),
        others: seen.filter(other => other !== facts),
        owed: lacking,
        nowMs,
      }),
      ...(lag ? ofLag(facts, lag, nowMs) : []),
      ...ofOwed,
    ]
    return { facts, lag, owed: lacking, findings }
  })
}

/** As plugins of Nagios end: what could not be looked at at all is unknown, not well. */
export function stateOf(judged: readonly JudgedPlace[], findings: readonly StatusFinding[]): State {
  if (judged.every(({ facts }) => facts.fault !== undefined)) return 'unknown'
  const states = findings.map(({ state }) => state)
  return states.includes('critical') ? 'critical' : states.includes('warning') ? 'warning' : 'ok'
}

/** Where backups are made: what is wrong there costs the newest data, and not only its second copy. */
const isVital = ({ place }: PlaceFacts): boolean => place.role === 'first'

function outOfReach(
  repository: string,
  isFirst: boolean,
  { message, hint }: { readonly message: string; readonly hint: string },
): StatusFinding {
  const state = isFirst ? 'critical' : 'warning'
  return findingOf('repository-unreachable', { state, repository, message, fix: hint })
}

function ofBackups(facts: SeenPlace, nowMs: number, isScheduled: boolean): readonly StatusFinding[] {
  const { name: repository, role } = facts.place
  const cold = facts.others.filter(isUnread)
  const unreadable = facts.others.filter(other => other.code !== undefined && !isUnread(other))
  const awaiting = facts.others.filter(({ why }) => why.startsWith('waits'))
  const told = [
    ...ofCold(repository, cold),
    ...unreadable.map(({ id, why }) =>
      warningOf('backup-unreadable', {
        repository,
        subject: id,
        message: `backup ${id} ${why}`,
        fix: `Run \`holdfast repair --repository ${repository}\`.`,
      }),
    ),
    ...awaiting.map(({ id, why }) =>
      warningOf('backup-awaits-wal', {
        repository,
        subject: id,
        message: `backup ${id} ${why}`,
        fix: 'Look at the archiving of the server: `holdfast doctor`.',
      }),
    ),
  ]
  const isGone = (id: string): boolean => facts.vanished.some(one => one.id === id)
  const there = facts.backups.filter(({ id }) => !isGone(id))
  // A managed server gives nobody its files: its snapshots are all the backups that there are of it.
  const managed = (facts.managed ?? []).filter(one => !isLost(one)).map(({ record }) => record)
  const newestMs = Math.max(...[...there, ...managed].map(({ endedAt }) => Date.parse(endedAt)))
  const fix =
    role === 'copy'
      ? copyFix(repository)
      : `Take a backup: \`holdfast ${facts.managed ? 'snapshot' : 'backup'}\`; and see that one is taken regularly.`
  if (there.length + managed.length === 0)
    return [
      ...told,
      findingOf('backup-missing', {
        state: isVital(facts) ? 'critical' : 'warning',
        repository,
        message: cold.length === 0 ? 'there is no backup' : 'there is no backup that can be read at once',
        fix,
      }),
    ]
  const ageMs = nowMs - newestMs
  if (role === 'copy' || isScheduled || ageMs < limits.statusBackupAgeWarningMs) return told
  const state = ageMs < limits.statusBackupAgeCriticalMs ? 'warning' : 'critical'
  const message = `the newest backup is ${formatDuration(ageMs)} old`
  return [...told, findingOf('backup-late', { state, repository, message, fix })]
}

/** Not damaged: a rule of the bucket has taken along what a restore reads first. */
function ofCold(repository: string, cold: readonly { readonly id: string }[]): readonly StatusFinding[] {
  const [first] = cold
  if (!first) return []
  const [which, lie] =
    cold.length === 1
      ? [`the record of backup ${first.id}`, 'lies']
      : [`the records of ${String(cold.length)} backups`, 'lie']
  return [
    warningOf('backup-cold', {
      repository,
      subject: first.id,
      message: `${which} ${lie} in a cold storage class: a restore has to thaw first, and nothing else can be told of it`,
      fix: `A restore of it thaws it: \`holdfast restore --backup ${first.id} --thaw\`. Take it out of the rules of the bucket; for cold classes there is the archive (docs/archive.md).`,
    }),
  ]
}

/** Once, where they are made. */
function ofRecords(facts: SeenPlace): readonly StatusFinding[] {
  if (!isVital(facts)) return []
  const { place, backups, dumps = [] } = facts
  return [...ofCorruptPages(place.name, backups), ...ofSizes(place.name, backups, dumps)]
}

function ofKey({ place: { name: repository }, key }: SeenPlace): readonly StatusFinding[] {
  if (key === undefined || key === 'opens') return []
  const isWrong = key.code === 'KEY_WRONG'
  return [
    findingOf('key-wrong', {
      state: isWrong ? 'critical' : 'warning',
      repository,
      message: isWrong
        ? 'the key that is configured here does not open what was sealed last: nothing can be restored with it'
        : `the key that is configured here can not be read: ${key.message}`,
      fix: isWrong
        ? 'Look for the key that does: `holdfast show ID` lists under `encryption` the public keys that a backup is sealed to.'
        : key.hint,
    }),
  ]
}

function ofSnapshots({ place: { name }, vanished, lostCopies }: SeenPlace): readonly StatusFinding[] {
  return [
    ...vanished.map(({ id, message }) =>
      warningOf('snapshot-vanished', {
        repository: name,
        subject: id,
        message: `${id} can not be restored: ${message}`,
        fix: 'Take another one (`holdfast snapshot`, `holdfast backup`), and find out who removed it.',
      }),
    ),
    ...lostCopies.map(({ id, message }) =>
      warningOf('snapshot-copy-lost', {
        repository: name,
        subject: id,
        message: `${id} would be lost with its region: ${message}`,
        fix: "Take another one (`holdfast snapshot`), and look at the vendor's events.",
      }),
    ),
  ]
}

function ofLag(facts: SeenPlace, lag: Lag, nowMs: number): readonly StatusFinding[] {
  const { name: repository, role } = facts.place
  // That it holds no backup at all is told already.
  const lacking = [...(facts.backups.length === 0 ? [] : lag.backups), ...lag.dumps]
  const ages = lacking.map(id => nowMs - idTimeMs(id))
  const behindMs = Math.max((lag.seconds ?? 0) * second, ...ages, 0)
  const isMany = lag.seconds === null && lag.walFiles >= limits.statusLagWarningFiles
  const count = lag.backups.length + lag.dumps.length + lag.walFiles
  if (count === 0 || (behindMs < limits.statusLagWarningMs && !isMany)) return []
  const state = behindMs >= limits.statusLagCriticalMs ? 'critical' : 'warning'
  const message = `it is behind "${lag.behind}": ${lagText(lag)}`
  const fix =
    role === 'copy'
      ? copyFix(repository)
      : `What is owed is brought by the next \`wal push\`; or run \`holdfast copy --from ${lag.behind} --to ${repository}\`.`
  return [findingOf('repository-behind', { state, repository, message, fix })]
}

function owedFindings(facts: OwedFacts, nowMs: number): readonly StatusFinding[] {
  const state = owedState(facts, nowMs)
  if (state === undefined) return []
  const message = `it ${describeOwed(facts)}`
  return [findingOf('wal-owed', { state, repository: facts.repository, message, fix: owedFix })]
}

/** `12m 05s, 1 backup, 3 WAL files (12.1 MiB)`. */
export function lagText({ seconds, backups, dumps, walFiles, walBytes }: Lag): string {
  const parts = [
    ...(seconds === null || seconds === 0 ? [] : [formatDuration(seconds * second)]),
    ...(backups.length === 0 ? [] : [`${String(backups.length)} backup${backups.length === 1 ? '' : 's'}`]),
    ...(dumps.length === 0 ? [] : [`${String(dumps.length)} dump${dumps.length === 1 ? '' : 's'}`]),
    ...(walFiles === 0
      ? []
      : [`${String(walFiles)} WAL file${walFiles === 1 ? '' : 's'} (${formatBytes(walBytes)})`]),
  ]
  return parts.length === 0 ? 'none' : parts.join(', ')
}

const copyFix = (repository: string): string =>
  `Run \`holdfast copy --to ${repository}\`; and let \`holdfast copy --watch\` run as a service.`
