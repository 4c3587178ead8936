/** When credentials end that nobody renews: those that were given as they are, with an end. */

/** What the SDK found. It notes beside credentials where they are from, by the names of its own table of features. */
export interface FoundCredentials {
  readonly expiration?: Date | undefined
  readonly $source?: Readonly<Record<string, unknown>> | undefined
}

export interface FixedEnd {
  readonly endMs: number
  readonly isShortLived: true
}

/**
 * Roles, web identities, instances, containers, single sign-on and programs are asked again by the SDK before the end. With a
 * source that is not known here nothing is said.
 */
export function fixedEnd({ expiration, $source = {} }: FoundCredentials): FixedEnd | undefined {
  const sources = Object.keys($source)
  const isFixed = sources.length > 0 && sources.every(source => fixedSources.has(source))
  const endMs = expiration?.getTime()
  if (!isFixed || endMs === undefined || Number.isNaN(endMs)) return undefined
  // A session lasts 36 hours at most.
  return { endMs, isShortLived: true }
}

const fixedSources: ReadonlySet<string> = new Set([
  'CREDENTIALS_CODE',
  'CREDENTIALS_ENV_VARS',
  'CREDENTIALS_PROFILE',
])
