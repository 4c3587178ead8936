/**
 * One S3 client: the vendor's SDK for requests, signatures and credentials; ours are the limits of time, the pace and the
 * faults. The SDK's own retries and checksums are off: the first would multiply with ours, the second are JavaScript.
 */
import { S3Client, type $Command, type ServiceInputTypes, type ServiceOutputTypes } from '@aws-sdk/client-s3'
import { Fault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { Retry } from '../../../base/retry.ts'
import { formatDuration, second } from '../../../base/units.ts'
import { version } from '../../../base/version.ts'
import type { World } from '../../../base/world.ts'
import {
  agentsOf,
  closeAgents,
  isAmazonHost,
  requestHandlerFor,
  type Agents,
} from '../../../cloud/aws/agents.ts'
import { hasExpired, providerOf } from '../../../cloud/aws/credentials.ts'
import { fixedEnd } from '../../../cloud/aws/fixed-end.ts'
import type { ObjectStorageAccess } from '../../open.ts'
import type { CredentialsEnd } from '../../second-ports.ts'
import { openPace, type Pace } from '../../../cloud/pace.ts'
import { skewBetween } from '../object/clock-skew.ts'
import { faultOf } from './faults.ts'
import { addContentMd5 } from './integrity.ts'
import type { Place } from './place.ts'

export type S3Command<I extends ServiceInputTypes, O extends ServiceOutputTypes> = $Command<
  I,
  O,
  S3Client['config']
>

export interface Request {
  /** What is being done, for messages: `writing <key>`. */
  readonly doing: string
  /** Of the body that is sent or received; the request may take longer for it. */
  readonly sizeBytes?: number | undefined
}

export interface Api {
  readonly place: Place
  readonly access: ObjectStorageAccess
  readonly world: World
  /** For the requests that the driver itself has to repeat: parts. */
  readonly retry: Retry
  /**
   * Amazon's own servers keep every promise of their documentation; others are trusted less. Told by who answered
   * last: the endpoint may also come from the environment.
   */
  isAmazon(): boolean
  /** The server's clock minus ours, as of the last answer. */
  skewMs(): number
  /** Where the last request went, whether it was answered or not; undefined before the first. */
  endpoint(): URL | undefined
  /** Undefined when they are renewed without anybody's doing, or do not say when they end. */
  credentialsEnd(): Promise<CredentialsEnd | undefined>
  /** `never`: they do not say that they do. Undefined: temporary ones that do not say when. */
  credentialsEndMs(): Promise<number | 'never' | undefined>
  send<I extends ServiceInputTypes, O extends ServiceOutputTypes>(
    request: Request,
    command: S3Command<I, O>,
    signal: AbortSignal,
  ): Promise<O>
  /** A request whose answer has a body, which is read within the same limits. */
  receive<I extends ServiceInputTypes, O extends ServiceOutputTypes, T>(
    request: Request,
    command: S3Command<I, O>,
    read: (output: O) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T>
  close(): void
}

export interface Surroundings {
  readonly world: World
  readonly retry: Retry
  /** Shorter ones are for tests. */
  readonly silenceMsMax?: number | undefined
}

export async function openApi(
  place: Place,
  access: ObjectStorageAccess,
  { world, retry, silenceMsMax = limits.objectSilenceMsMax }: Surroundings,
): Promise<Api> {
  const agents = agentsOf(access)
  let skewMs = 0
  let hostname: string | undefined
  let endpoint: URL | undefined
  const connect = async (): Promise<S3Client> => {
    const made = await connected(access, agents, silenceMsMax)
    addContentMd5(made)
    listen(made, world, {
      onRequest: url => (endpoint = url),
      onAnswer: answer => {
        hostname = answer.hostname
        skewMs = answer.skewMs ?? skewMs
      },
    })
    return made
  }
  let client = await connect()
  const pace = openPace(world)

  const receive: Api['receive'] = async ({ doing, sizeBytes = 0 }, command, read, signal) => {
    const once = (): ReturnType<typeof read> =>
      paced(pace, world, signal, limitMsOf(sizeBytes), async stop => {
        try {
          return await read(await client.send(command, { abortSignal: stop }))
        } catch (error) {
          stop.throwIfAborted()
          throw faultOf(error, { what: doing, location: place.location })
        }
      })
    try {
      return await once()
    } catch (error) {
      if (!hasExpired(error) || access.credentials !== undefined) throw error
      // Whoever renews them has done so, or the chain finds others: it is asked anew, once.
      client = await connect()
      return once()
    }
  }

  return {
    place,
    access,
    world,
    retry,
    isAmazon: () => hostname !== undefined && isAmazonHost(hostname),
    skewMs: () => skewMs,
    endpoint: () => endpoint,
    credentialsEnd: async () => fixedEnd(await client.config.credentials()),
    async credentialsEndMs() {
      const { expiration, sessionToken } = await client.config.credentials()
      return expiration?.getTime() ?? (sessionToken === undefined ? 'never' : undefined)
    },
    receive,
    send: (request, command, signal) => receive(request, command, output => Promise.resolve(output), signal),
    close: () => {
      client.destroy()
      closeAgents(agents)
    },
  }
}

async function connected(
  access: ObjectStorageAccess,
  agents: Agents,
  silenceMsMax: number,
): Promise<S3Client> {
  const { endpoint, profile } = access
  const credentials = await providerOf(access, agents)
  return new S3Client({
    ...(endpoint === undefined ? { followRegionRedirects: true } : { endpoint }),
    ...(profile === undefined ? {} : { profile }),
    ...(credentials === undefined ? {} : { credentials }),
    ...regionOf(access),
    forcePathStyle: access.pathStyle ?? endpoint !== undefined,
    maxAttempts: 1,
    expectContinueHeader: false,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    customUserAgent: [['holdfast', version]],
    requestHandler: requestHandlerFor(agents, silenceMsMax),
  })
}

interface Listener {
  readonly onRequest: (endpoint: URL) => void
  /** Who answered, and how far its clock is off (to the second). */
  readonly onAnswer: (answer: { readonly hostname: string; readonly skewMs: number | undefined }) => void
}

function listen(client: S3Client, { clock }: Pick<World, 'clock'>, { onRequest, onAnswer }: Listener): void {
  client.middlewareStack.add(
    next => async args => {
      const { protocol, hostname, port } = args.request as Sent
      onRequest(new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${String(port)}`}`))
      const askedMs = clock.now()
      const result = await next(args)
      const { headers } = result.response as { readonly headers: Readonly<Record<string, string>> }
      const timeMs = Date.parse(headers['date'] ?? '')
      const moments = { askedMs, answeredMs: clock.now() }
      onAnswer({ hostname, skewMs: Number.isNaN(timeMs) ? undefined : skewBetween(timeMs, moments) })
      return result
    },
    { step: 'deserialize', name: 'holdfastListener' },
  )
}

interface Sent {
  readonly protocol: string
  readonly hostname: string
  readonly port?: number | undefined
}

/** Other servers than Amazon's seldom care, but a region is part of each signature. */
function regionOf({ region, endpoint }: ObjectStorageAccess): { readonly region?: string } {
  if (region !== undefined) return { region }
  return endpoint === undefined ? {} : { region: 'us-east-1' }
}

function limitMsOf(sizeBytes: number): number {
  return limits.storageRequestMsMax + (sizeBytes / limits.objectSpeedBytesPerSecondMin) * second
}

/** Waits for its place in the pace, and counts the time only from there. */
function paced<T>(
  pace: Pace,
  { clock }: World,
  signal: AbortSignal,
  msMax: number,
  work: (stop: AbortSignal) => Promise<T>,
): Promise<T> {
  return pace.run(async () => {
    const late = new AbortController()
    const done = new AbortController()
    clock
      .sleep(msMax, done.signal)
      .then(() => late.abort(tooLate(msMax)))
      .catch(() => undefined)
    try {
      return await work(AbortSignal.any([signal, late.signal]))
    } finally {
      // With a reason: to make up one costs more than all the rest of this.
      done.abort(isDone)
    }
  }, signal)
}

const isDone = new Error('the request is done')

function tooLate(msMax: number): Fault {
  return new Fault('STORAGE_UNAVAILABLE', `a request was not done after ${formatDuration(msMax)}`, {
    hint: 'Check the network: bytes move, but too slowly for the work to end.',
  })
}
