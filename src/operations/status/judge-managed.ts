/** Decides what is wrong with the snapshots of managed servers. Touches nothing. */
import { limits } from '../../base/limits.ts'
import type { ManagedPresence, Whereabouts } from '../managed/presence.ts'
import { warningOf, type FindingCode, type StatusFinding } from '../../policy/findings/finding.ts'

type Presence = Omit<ManagedPresence, 'record'>

/** Of what nobody can tell, or what is still being made, that is not said. */
export const isLost = ({ snapshot, copy }: Presence): boolean => isOut(snapshot) && (!copy || isOut(copy))

export function ofManaged(
  repository: string,
  managed: readonly ManagedPresence[],
  nowMs: number,
): readonly StatusFinding[] {
  const warn = (code: FindingCode, told: { subject?: string; message: string; fix: string }): StatusFinding =>
    warningOf(code, { repository, ...told })
  const unseen = new Set(managed.flatMap(unseenOf))
  return [
    ...[...unseen].map(message =>
      warn('snapshot-unknown', {
        message: `whether the snapshots of the server are there could not be told: ${message}`,
        fix: 'Ask again when the vendor can be reached: `holdfast verify`.',
      }),
    ),
    ...managed.flatMap(presence =>
      troublesOf(presence, nowMs).map(({ code, ...told }) =>
        warn(code, { subject: presence.record.id, ...told }),
      ),
    ),
  ]
}

const isOut = ({ state }: Pick<Whereabouts, 'state'>): boolean => state === 'gone' || state === 'failed'

const unseenOf = ({ snapshot, copy }: Presence): readonly string[] =>
  [snapshot, ...(copy ? [copy] : [])].filter(({ state }) => state === 'unknown').map(({ message }) => message)

function troublesOf(
  presence: ManagedPresence,
  nowMs: number,
): readonly Pick<StatusFinding, 'code' | 'message' | 'fix'>[] {
  const { record, snapshot, copy } = presence
  if (isLost(presence))
    return [
      {
        code: 'snapshot-vanished',
        message: `${record.id} can not be restored: ${snapshot.message}${copy ? `, and so is its copy in ${copy.region}` : ''}`,
        fix: 'Take another one (`holdfast snapshot`), and find out who removed it.',
      },
    ]
  const isLate = nowMs - Date.parse(record.endedAt) > limits.managedCopyMsMax
  const ofSnapshot = {
    code: 'snapshot-vanished' as const,
    message: `${record.id}: ${snapshot.message}, and there is only its copy in ${copy?.region ?? ''}`,
    fix: 'Find out who removed it. A restore takes the copy.',
  }
  const ofCopy = {
    code: 'snapshot-copy-lost' as const,
    message: `${record.id} would be lost with its region: the copy ${copy?.message ?? ''}`,
    fix: "Take another one (`holdfast snapshot`), and look at the vendor's events.",
  }
  return [
    ...(isOut(snapshot) ? [ofSnapshot] : []),
    ...(copy && (isOut(copy) || (copy.state === 'pending' && isLate)) ? [ofCopy] : []),
  ]
}
