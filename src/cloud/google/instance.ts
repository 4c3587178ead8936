/** Which machine of Compute Engine this is, as its metadata server says. */
import { limits } from '../../base/limits.ts'

export interface GceInstance {
  readonly project: string
  readonly zone: string
  readonly name: string
}

export const googleMetadataEndpoint = 'http://169.254.169.254'

/** Undefined: nobody answers there, so that this is no machine of Compute Engine. */
export async function thisGceInstance(
  endpoint: string,
  signal: AbortSignal,
): Promise<GceInstance | undefined> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(limits.cloudMetadataMsMax)])
  const ask = async (path: string): Promise<string> => {
    const response = await fetch(`${endpoint}/computeMetadata/v1/${path}`, {
      headers: { 'metadata-flavor': 'Google' },
      signal: within,
      redirect: 'error',
    })
    // Another cloud's metadata service may answer at the same address.
    if (!response.ok || response.headers.get('metadata-flavor') !== 'Google') throw new Error('not Google')
    return (await response.text()).trim()
  }
  try {
    const [project, zone, name] = await Promise.all(
      ['project/project-id', 'instance/zone', 'instance/name'].map(ask),
    )
    if (project === undefined || zone === undefined || name === undefined) return undefined
    return { project, zone: zone.split('/').at(-1) ?? zone, name }
  } catch {
    signal.throwIfAborted()
    return undefined
  }
}
