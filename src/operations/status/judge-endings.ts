/** Decides whether what comes to an end does so soon. Touches nothing. */
import { limits } from '../../base/limits.ts'
import { formatDuration, formatTime, second } from '../../base/units.ts'
import { findingOf, type StatusFinding } from '../../policy/findings/finding.ts'
import type { Endings } from './endings.ts'

export function ofEndings(endings: readonly Endings[], nowMs: number): readonly StatusFinding[] {
  return endings.flatMap(each => [...ofCertificate(each, nowMs), ...ofCredentials(each, nowMs)])
}

function ofCertificate({ repository, certificate }: Endings, nowMs: number): readonly StatusFinding[] {
  if (!certificate) return []
  const { host, endMs } = certificate
  const state = stateOf(endMs - nowMs, limits.statusEndWarningMs, limits.statusEndCriticalMs)
  if (!state) return []
  return [
    findingOf('certificate-expires', {
      state,
      repository,
      subject: host,
      message:
        endMs > nowMs
          ? `the certificate of ${host} ends in ${formatDuration(endMs - nowMs)}, at ${timeText(endMs)}`
          : `the certificate of ${host} ended at ${timeText(endMs)}`,
      fix: 'Have it renewed by whoever runs that server, and see that the server shows the new one: from then on nothing is written or read there.',
    }),
  ]
}

function ofCredentials({ repository, credentials }: Endings, nowMs: number): readonly StatusFinding[] {
  if (!credentials) return []
  const { endMs, isShortLived } = credentials
  const leftMs = endMs - nowMs
  const state = isShortLived
    ? stateOf(leftMs, limits.statusSessionEndWarningMs, 0)
    : stateOf(leftMs, limits.statusEndWarningMs, limits.statusEndCriticalMs)
  if (!state) return []
  return [
    findingOf('credentials-expire', {
      state,
      repository,
      message:
        leftMs > 0
          ? `its credentials end in ${formatDuration(leftMs)}, at ${timeText(endMs)}, and do not renew themselves`
          : `its credentials ended at ${timeText(endMs)}`,
      fix: 'Give it new ones; better, ones that renew themselves: a role, a managed identity, a workload identity.',
    }),
  ]
}

function stateOf(leftMs: number, warningMs: number, criticalMs: number): StatusFinding['state'] | undefined {
  if (leftMs <= criticalMs) return 'critical'
  return leftMs <= warningMs ? 'warning' : undefined
}

const timeText = (ms: number): string => formatTime(Math.floor(ms / second) * second)
