/** When a SAS ends: it says so itself, unless a policy that is kept at the container does. */
import { day } from '../../../base/units.ts'
import type { CredentialsEnd } from '../../second-ports.ts'

/** Undefined where the URL holds no SAS: tokens are renewed, and keys last. */
export function sasEnd({ searchParams }: URL): CredentialsEnd | undefined {
  // Signed with a key that was lent to a user, it ends with that at the latest: after seven days.
  const isDelegated = searchParams.has('skoid')
  const endMs = Math.min(...[timeIn(searchParams, 'se'), timeIn(searchParams, 'ske')].filter(isKnown))
  if (!Number.isFinite(endMs)) return undefined
  const startMs = timeIn(searchParams, 'st')
  const isShortLived = isDelegated || (startMs !== undefined && endMs - startMs <= shortLivedMsMax)
  return { endMs, isShortLived }
}

const shortLivedMsMax = 7 * day

function timeIn(parameters: URLSearchParams, name: string): number | undefined {
  const ms = Date.parse(parameters.get(name) ?? '')
  return Number.isNaN(ms) ? undefined : ms
}

const isKnown = (ms: number | undefined): ms is number => ms !== undefined
