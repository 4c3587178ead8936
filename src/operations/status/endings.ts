/** What of the way to a repository comes to an end: the certificate of its endpoint, and credentials that nobody renews. */
import { inTime } from '../../base/in-time.ts'
import { limits } from '../../base/limits.ts'
import type { World } from '../../base/world.ts'
import { certificateEndMs } from '../../cloud/certificate-end.ts'
import type { CredentialsEnd, Reach } from '../../storage/second-ports.ts'
import type { StatusPlace } from './facts.ts'

export interface Endings {
  readonly repository: string
  readonly certificate?: { readonly host: string; readonly endMs: number } | undefined
  readonly credentials?: CredentialsEnd | undefined
}

/**
 * After the places have been read: by then it is known where requests went. Also of those that could not be reached, which
 * may be because of what has ended. Each host is asked once.
 */
export async function readEndings(
  places: readonly Pick<StatusPlace, 'name' | 'openReach'>[],
  { clock }: Pick<World, 'clock'>,
  signal: AbortSignal,
): Promise<readonly Endings[]> {
  const asked = new Map<string, Promise<number | undefined>>()
  const ask = (endpoint: URL): Promise<number | undefined> => {
    const answer =
      asked.get(endpoint.origin) ??
      certificateEndMs(endpoint, { clock, msMax: limits.statusCertificateMsMax }, signal)
    asked.set(endpoint.origin, answer)
    return answer
  }
  return Promise.all(
    places.map(async ({ name: repository, openReach }) => {
      if (!openReach) return { repository }
      const look = async (): Promise<Endings> => {
        const reach = await openReach()
        if (!reach) return { repository }
        const [certificate, credentials] = await Promise.all([
          unlessFailed(certificateOf(reach, ask), signal),
          unlessFailed(reach.credentialsEnd(), signal),
        ])
        return { repository, certificate, credentials }
      }
      const looked = inTime(look(), clock, limits.statusEndingsMsMax, () => new Error('no answer in time'))
      return (await unlessFailed(looked, signal)) ?? { repository }
    }),
  )
}

async function certificateOf(
  reach: Reach,
  ask: (endpoint: URL) => Promise<number | undefined>,
): Promise<Endings['certificate']> {
  const endpoint = await reach.endpoint()
  const endMs = endpoint && (await ask(endpoint))
  return endpoint && endMs !== undefined ? { host: endpoint.host, endMs } : undefined
}

/** What fails here, or hangs, did so before, where the repository was read, and is told there. */
async function unlessFailed<T>(looked: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await looked
  } catch {
    signal.throwIfAborted()
    return undefined
  }
}
