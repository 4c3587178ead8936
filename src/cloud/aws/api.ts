/**
 * One of Amazon's APIs in one region. The vendor's SDK makes, signs and reads requests; ours are the limits of time, the pace,
 * the faults, and what is tried again: the SDK's own retries would multiply with them.
 */
import { isFault } from '../../base/fault.ts'
import { retryWith, type Retry } from '../../base/retry.ts'
import { minute, second } from '../../base/units.ts'
import { version } from '../../base/version.ts'
import type { World } from '../../base/world.ts'
import type { CloudAccess } from '../access.ts'
import { unreachable } from '../network.ts'
import { openPace } from '../pace.ts'
import { watch } from '../watch.ts'
import { agentsOf, closeAgents, requestHandlerFor } from './agents.ts'
import { hasExpired, providerOf, type Provider } from './credentials.ts'
import { awsFault } from './faults.ts'

/** What each of the SDK's clients is made from; all of them take the same. */
export interface ClientSettings {
  readonly endpoint?: string
  readonly region?: string
  readonly profile?: string
  readonly credentials?: Provider
  readonly maxAttempts: 1
  readonly customUserAgent: [string, string][]
  readonly requestHandler: ReturnType<typeof requestHandlerFor>
}

export interface AwsClient {
  readonly config: { readonly region: string | (() => Promise<string>) }
  destroy(): void
}

export interface AwsCall {
  /** For messages: `looking at volumes`. */
  readonly what: string
  /**
   * `any` (unless told): what failed for a passing reason is tried again. `refused`: only what was certainly not done, since the
   * API can not tell a second try from a second wish.
   */
  readonly repeat?: 'any' | 'refused'
}

export interface AwsApi<Client> {
  /** For messages: `EC2 in eu-central-1`. */
  readonly location: string
  readonly region: string
  call<T>(
    call: AwsCall,
    work: (client: Client, options: { readonly abortSignal: AbortSignal }) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T>
  close(): void
}

export interface AwsService<Client> {
  readonly name: string
  readonly make: (settings: ClientSettings) => Client
}

const retryRule = { attemptsMax: 8, pauseMsFirst: 500, pauseMsMax: 15 * second, totalMsMax: 3 * minute }

export async function openAwsApi<Client extends AwsClient>(
  { name, make }: AwsService<Client>,
  access: CloudAccess,
  world: World,
): Promise<AwsApi<Client>> {
  const agents = agentsOf(access)
  const connect = async (): Promise<Client> => make(await settingsOf(access, agents))
  let client = await connect()
  const region = await regionOf(client, name)
  const location = `${name} in ${region}`
  const pace = openPace(world)
  const retry = retryWith(world, retryRule)

  const once: <T>(
    call: AwsCall,
    work: (given: Client, options: { readonly abortSignal: AbortSignal }) => Promise<T>,
    signal: AbortSignal,
  ) => Promise<T> = ({ what }, work, signal) =>
    pace.run(async () => {
      const watched = watch(
        world.clock,
        { location, what, sizeBytes: 0, unavailable: 'CLOUD_UNAVAILABLE' },
        signal,
      )
      try {
        return await watched.over(work(client, { abortSignal: watched.signal }))
      } catch (error) {
        if (watched.signal.aborted) throw watched.signal.reason
        throw (
          awsFault(error, location, what) ??
          unreachable(error, location, what, watched.signal, 'CLOUD_UNAVAILABLE')
        )
      } finally {
        watched.end()
      }
    }, signal)

  const renewing: typeof once = async (call, work, signal) => {
    try {
      return await once(call, work, signal)
    } catch (error) {
      if (!hasExpired(error) || access.credentials !== undefined) throw error
      // Whoever renews them has done so, or the chain finds others: it is asked anew, once.
      client.destroy()
      client = await connect()
      return once(call, work, signal)
    }
  }

  return {
    location,
    region,
    call: (call, work, signal) =>
      (call.repeat === 'refused' ? onlyRefused(retry) : retry)(() => renewing(call, work, signal), signal),
    close() {
      client.destroy()
      closeAgents(agents)
    },
  }
}

async function settingsOf(access: CloudAccess, agents: ReturnType<typeof agentsOf>): Promise<ClientSettings> {
  const { endpoint, region, profile } = access
  const credentials = await providerOf(access, agents)
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? {} : { profile }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: 1,
    customUserAgent: [['holdfast', version]],
    requestHandler: requestHandlerFor(agents),
  }
}

async function regionOf({ config: { region } }: AwsClient, name: string): Promise<string> {
  try {
    return typeof region === 'string' ? region : await region()
  } catch (error) {
    throw (
      awsFault(error, name, 'finding the region') ??
      unreachable(error, name, 'finding the region', new AbortController().signal, 'CLOUD_UNAVAILABLE')
    )
  }
}

/** An answer that was lost is told at once; being asked to slow down is a reason to try again. */
function onlyRefused(retry: Retry): Retry {
  return async (attempt, signal) => {
    const outcome = await retry(async () => {
      try {
        return { value: await attempt() }
      } catch (error) {
        if (isFault(error, 'CLOUD_UNAVAILABLE')) return { lost: error }
        throw error
      }
    }, signal)
    if ('lost' in outcome) throw outcome.lost
    return outcome.value
  }
}
