/**
 * Google's JSON APIs for volumes and managed servers, sent by the client of google-auth-library, which adds the credentials.
 * See docs/decisions/google-by-its-json-api.md for why its packages of such APIs are not used.
 */
import { GoogleAuth, PassThroughClient, type AuthClient } from 'google-auth-library'
import { isFault, messageOf, Fault } from '../../base/fault.ts'
import { retryWith } from '../../base/retry.ts'
import { minute, second } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import type { CloudAccess } from '../access.ts'
import { unreachable } from '../network.ts'
import { openPace } from '../pace.ts'
import { watch } from '../watch.ts'
import { googleFault } from './faults.ts'
import { givenClient, transporterFor } from './key-file.ts'

export interface GoogleCall {
  /** For messages: `looking at the disk data`. */
  readonly what: string
  readonly method: 'GET' | 'POST' | 'DELETE' | 'PATCH'
  /** Beneath the API's address. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: Readonly<Record<string, unknown>>
  /** `any` (unless told): what failed for a passing reason is tried again; `once`: an answer that was lost is told. */
  readonly repeat?: 'any' | 'once'
}

export type Json = Readonly<Record<string, unknown>>

export interface GoogleApi {
  /** For messages: `Compute Engine`. */
  readonly location: string
  readonly projectId: () => Promise<string>
  call(call: GoogleCall, signal: AbortSignal): Promise<Json>
  /** Undefined: there is no such thing (404). */
  find(call: GoogleCall, signal: AbortSignal): Promise<Json | undefined>
}

export interface GoogleService {
  readonly name: string
  readonly endpoint: string
}

const scopes = ['https://www.googleapis.com/auth/cloud-platform']
const retryRule = { attemptsMax: 8, pauseMsFirst: 500, pauseMsMax: 15 * second, totalMsMax: 3 * minute }

export function openGoogleApi(
  { name, endpoint }: GoogleService,
  { access, project }: { readonly access: CloudAccess; readonly project?: string | undefined },
  world: World,
): GoogleApi {
  const base = access.endpoint ?? endpoint
  const auth = authOf(access, base)
  const pace = openPace(world)
  const retry = retryWith(world, retryRule)

  const once = (call: GoogleCall, signal: AbortSignal): Promise<Json> =>
    pace.run(async () => {
      const watched = watch(
        world.clock,
        { location: name, what: call.what, sizeBytes: 0, unavailable: 'CLOUD_UNAVAILABLE' },
        signal,
      )
      try {
        return await watched.over(send(auth, urlOf(base, call), call, name, watched.signal))
      } catch (error) {
        throw unreachable(error, name, call.what, watched.signal, 'CLOUD_UNAVAILABLE')
      } finally {
        watched.end()
      }
    }, signal)

  const call: GoogleApi['call'] = async (given, signal) => {
    const outcome = await retry(async () => {
      try {
        return { value: await once(given, signal) }
      } catch (error) {
        if (given.repeat === 'once' && isFault(error, 'CLOUD_UNAVAILABLE')) return { lost: error }
        throw error
      }
    }, signal)
    if ('lost' in outcome) throw outcome.lost
    return outcome.value
  }
  return {
    location: name,
    projectId: async () => project ?? (await projectOf(auth, name)),
    call,
    async find(given, signal) {
      try {
        return await call(given, signal)
      } catch (error) {
        if (statusOf(error) === 404) return undefined
        throw error
      }
    },
  }
}

/** What Google answered with, of a fault that was made from it. */
export function statusOf(error: unknown): number | undefined {
  const cause = error instanceof Fault ? error.cause : undefined
  return cause instanceof GoogleRefusal ? cause.status : undefined
}

/** An answer that is not 2xx: kept as the cause of a fault. */
export class GoogleRefusal extends Error {
  readonly status: number
  constructor(status: number, text: string) {
    super(text.slice(0, 2000))
    this.status = status
  }
}

type Auth = AuthClient | GoogleAuth

function authOf(access: CloudAccess, base: string): Auth {
  const given = givenClient(access, scopes, 'snapshots')
  if (given) return given
  const transporterOptions = transporterFor(access.certificates)
  // A token is not shown to whoever listens on the way: without TLS only when credentials were given on purpose.
  if (base.startsWith('http:')) return new PassThroughClient({ transporterOptions })
  return new GoogleAuth({ scopes, clientOptions: { transporterOptions } })
}

async function projectOf(auth: Auth, name: string): Promise<string> {
  const found =
    auth instanceof GoogleAuth
      ? await auth.getProjectId().catch(() => undefined)
      : (auth.projectId ?? undefined)
  if (typeof found === 'string' && found !== '') return found
  throw new Fault('CONFIG_INVALID', `${name}: the credentials do not say which project`, {
    hint: 'Set `project` under `snapshots`.',
  })
}

function urlOf(base: string, { path, query = {} }: GoogleCall): URL {
  const url = new URL(`${base.replace(/\/+$/, '')}${path}`)
  for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, value)
  return url
}

async function send(
  auth: Auth,
  url: URL,
  { method, body, what }: GoogleCall,
  name: string,
  signal: AbortSignal,
): Promise<Json> {
  try {
    await auth.getRequestHeaders()
  } catch (error) {
    throw new Fault('CLOUD_CREDENTIALS', `${name}: no credentials: ${messageOf(error).slice(0, 300)}`, {
      hint: 'Give a key file by GOOGLE_APPLICATION_CREDENTIALS or credentials.key, log in by `gcloud auth application-default login`, or run where the metadata server gives an account.',
      cause: error,
    })
  }
  const { status, data } = await auth.request<string>({
    method,
    url: url.href,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, data: JSON.stringify(body) }),
    responseType: 'text',
    validateStatus: () => true,
    retry: false,
    signal,
  })
  if (status < 200 || status >= 300) throw googleFault(new GoogleRefusal(status, data), name, what)
  return jsonOf(data) ?? {}
}

export function jsonOf(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Json) : undefined
  } catch {
    return undefined
  }
}
