/**
 * One WAL file to several repositories at the same time.
 *
 * It is read, checked and encoded once for all that have the same recipients. The answer comes when it is durable in as
 * many as must have it and the others have had a short grace; what they then lack is told, and somebody else's to bring.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { formatBytes, formatDuration } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import type { EncodedWal } from '../../repository/wal-store.ts'
import type { ClusterOfWal } from '../../wal/cluster.ts'
import type { EncodeWal } from './encode-wal.ts'
import type { OpenTarget } from './target.ts'

export interface PushRequest {
  readonly path: string
  /** Names of repositories that are known to be away: they are tried only when too few are left without them. */
  readonly skip: readonly string[]
}

export interface Pushed {
  readonly name: string
  readonly sizeBytes: number
  readonly result: 'stored' | 'already'
  /** Where it is durable: as many as must have it, at least. */
  readonly durable: readonly string[]
  readonly lacking: readonly Lacking[]
}

export interface Lacking {
  readonly target: string
  /** Absent: it was not tried. */
  readonly fault?: Fault | undefined
}

export interface PushDeps {
  readonly targets: readonly OpenTarget[]
  readonly durableIn: number
  readonly world: World
  readonly encode: EncodeWal
  /** Called when no repository reads what was encoded any more, which may be after the push. */
  readonly recycle?: ((encoded: readonly EncodedWal[]) => void) | undefined
  /** Of the server whose file it is, when that is known: then it is encoded while the repositories are being opened. */
  readonly identity?: ClusterOfWal | undefined
}

/** Throws what made too few repositories take it, each with its reason. */
export async function pushToAll(
  deps: PushDeps,
  { path, skip }: PushRequest,
  signal: AbortSignal,
): Promise<Pushed> {
  const { targets, durableIn } = deps
  const willing = targets.filter(({ name }) => !skip.includes(name))
  if (willing.length < targets.length && willing.length >= durableIn) {
    try {
      return await pushTo(deps, { path, tried: willing, limitMs: limits.walPushWithoutSomeMsMax }, signal)
    } catch (error) {
      // Those that were known to be away may be back, and are needed now.
      if (!isFault(error) || isFault(error, 'WAL_INVALID', 'OBJECT_CONFLICT', 'CLUSTER_MISMATCH')) throw error
      signal.throwIfAborted()
    }
  }
  return pushTo(deps, { path, tried: targets, limitMs: limits.walPushMsMax }, signal)
}

interface Push {
  readonly path: string
  readonly tried: readonly OpenTarget[]
  readonly limitMs: number
}

async function pushTo(
  { targets, durableIn, world, encode, recycle, identity: known }: PushDeps,
  { path, tried, limitMs }: Push,
  outer: AbortSignal,
): Promise<Pushed> {
  const stop = new AbortController()
  const signal = AbortSignal.any([outer, stop.signal])
  const opened = tried.map(target => ({ target, archive: target.open(signal) }))
  for (const { archive } of opened) archive.catch(() => undefined)
  try {
    const identity = known ?? (await firstIdentity(opened, before(world, limitMs, signal), signal))
    const { files, encoded } = await encodeForEach({ path, identity, targets: tried }, encode, signal)
    const attempts = opened.map(({ target, archive }) => ({
      name: target.name,
      outcome: archive.then(({ store, identity: own }) => {
        assertSameSize(own, identity, target.name)
        return store.putEncoded(encoded(target.encoding), signal)
      }),
    }))
    void Promise.allSettled(attempts.map(({ outcome }) => outcome)).then(() => recycle?.(files))
    const settled = await settle(attempts, durableIn, { world, limitMs }, signal)
    return judge(encoded, settled, { tried, targets, durableIn })
  } finally {
    stop.abort(stopped())
  }
}

type Opened = { readonly target: OpenTarget; readonly archive: ReturnType<OpenTarget['open']> }

/** Of whichever repository answers first: each of them compares the file's with its own before it takes it. */
async function firstIdentity(
  opened: readonly Opened[],
  inTime: <T>(work: Promise<T>) => Promise<T>,
  signal: AbortSignal,
): Promise<ClusterOfWal> {
  const settled = new Map<string, unknown>()
  const answers = opened.map(async ({ target, archive }) => {
    try {
      return (await archive).identity
    } catch (error) {
      settled.set(target.name, error)
      throw error
    }
  })
  try {
    return await inTime(Promise.any(answers))
  } catch (error) {
    signal.throwIfAborted()
    const faults = opened.map(({ target }) => ({
      target: target.name,
      fault: faultOf(settled.get(target.name) ?? (error instanceof AggregateError ? undefined : error)),
    }))
    throw tooFew('the file', faults, 0, opened.length)
  }
}

interface FileForTargets {
  readonly path: string
  readonly identity: ClusterOfWal
  readonly targets: readonly OpenTarget[]
}

interface EncodedForEach {
  readonly files: readonly EncodedWal[]
  readonly encoded: (encoding: Encoding) => EncodedWal
}

async function encodeForEach(
  { path, identity, targets }: FileForTargets,
  encode: EncodeWal,
  signal: AbortSignal,
): Promise<EncodedForEach> {
  const byRecipients = new Map(targets.map(({ encoding }) => [sealedTo(encoding), encoding]))
  const files = await encode({ path, identity, encodings: [...byRecipients.values()] }, signal)
  const found = new Map([...byRecipients.keys()].map((key, i) => [key, files[i]]))
  const encoded = (encoding: Encoding): EncodedWal => {
    const file = found.get(sealedTo(encoding))
    if (!file) throw new Error('assertion failed: the file is encoded for each set of recipients')
    return file
  }
  return { files, encoded }
}

const sealedTo = ({ recipients }: Encoding): string => recipients.join(' ')

interface Attempt {
  readonly name: string
  readonly outcome: Promise<'stored' | 'already'>
}

interface Settled {
  readonly results: ReadonlyMap<string, 'stored' | 'already'>
  readonly faults: ReadonlyMap<string, Fault>
}

async function settle(
  attempts: readonly Attempt[],
  durableIn: number,
  { world, limitMs }: { readonly world: World; readonly limitMs: number },
  signal: AbortSignal,
): Promise<Settled> {
  const results = new Map<string, 'stored' | 'already'>()
  const faults = new Map<string, Fault>()
  const enough = Promise.withResolvers<undefined>()
  const all = Promise.all(
    attempts.map(async ({ name, outcome }) => {
      try {
        results.set(name, await outcome)
        if (results.size >= durableIn) enough.resolve(undefined)
      } catch (error) {
        // What is no fault is a mistake of ours, and has to come out.
        if (!isFault(error) && !signal.aborted) enough.reject(error)
        faults.set(name, faultOf(error))
      }
    }),
  )
  await before(world, limitMs, signal)(Promise.race([all, enough.promise])).catch(unlessLate)
  if (results.size >= durableIn) await before(world, limits.walPushGraceMs, signal)(all).catch(unlessLate)
  return { results: new Map(results), faults: new Map(faults) }
}

function judge(
  encoded: (encoding: Encoding) => EncodedWal,
  { results, faults }: Settled,
  given: {
    readonly tried: readonly OpenTarget[]
    readonly targets: readonly OpenTarget[]
    readonly durableIn: number
  },
): Pushed {
  const { tried, targets, durableIn } = given
  const [leading] = tried
  if (!leading) throw new Error('assertion failed: WAL is pushed somewhere')
  const { name, sizeBytes } = encoded(leading.encoding).head
  const lacking = targets
    .filter(target => !results.has(target.name))
    .map(target => ({
      target: target.name,
      fault: tried.includes(target) ? (faults.get(target.name) ?? tooSlow(name, target.name)) : undefined,
    }))
  // Two servers write into one archive, or this one is not the archive's: the others may be next.
  const wrong = lacking.find(({ fault }) => isFault(fault, 'OBJECT_CONFLICT', 'CLUSTER_MISMATCH'))
  if (wrong?.fault) throw wrong.fault
  if (results.size < durableIn) throw tooFew(name, lacking, results.size, durableIn)
  const result = [...results.values()].every(each => each === 'already') ? 'already' : 'stored'
  return { name, sizeBytes, result, durable: [...results.keys()], lacking }
}

/** One repository speaks for itself. */
function tooFew(name: string, lacking: readonly Lacking[], durable: number, durableIn: number): Fault {
  const failed = lacking.flatMap(({ target, fault }) => (fault ? [{ target, fault }] : []))
  const [first] = failed
  if (first && failed.length === 1 && durable === 0 && durableIn === 1) return first.fault
  const codes = new Set(failed.map(({ fault }) => fault.code))
  const code = first && codes.size === 1 ? first.fault.code : 'STORAGE_UNAVAILABLE'
  const reasons = failed.map(({ target, fault }) => `${target}: ${fault.message}`).join('; ')
  return new Fault(
    code,
    `${name} is durable in ${String(durable)} of the ${String(durableIn)} repositories that must have it; ${reasons}`,
    {
      hint: `${first?.fault.hint ?? 'Look at the repositories.'} PostgreSQL keeps the file and asks again.`,
      cause: first?.fault,
    },
  )
}

class Late extends Error {}

function unlessLate(error: unknown): undefined {
  if (!(error instanceof Late)) throw error
}

function before({ clock }: World, limitMs: number, signal: AbortSignal): <T>(work: Promise<T>) => Promise<T> {
  return async work => {
    const done = new AbortController()
    const alarm = clock.sleep(limitMs, AbortSignal.any([signal, done.signal])).then(() => {
      throw new Late(`no answer for ${formatDuration(limitMs)}`)
    })
    alarm.catch(() => undefined)
    try {
      return await Promise.race([work, alarm])
    } finally {
      done.abort()
    }
  }
}

function faultOf(error: unknown): Fault {
  if (isFault(error)) return error
  return new Fault('STORAGE_UNAVAILABLE', error instanceof Error ? error.message : 'it gave no answer', {
    hint: 'Check that the repository can be reached.',
    cause: error,
  })
}

const tooSlow = (name: string, target: string): Fault =>
  new Fault('STORAGE_UNAVAILABLE', `${target} had not taken ${name} in time`, {
    hint: 'Nothing is lost: it is brought there later. If this lasts, look at the way to that repository.',
  })

/** Whose file it is, the store compares itself. */
function assertSameSize(own: ClusterOfWal, given: ClusterOfWal, target: string): void {
  if (own.walSegmentSizeBytes === given.walSegmentSizeBytes) return
  const sizes = `${formatBytes(given.walSegmentSizeBytes)}; those in ${target} have ${formatBytes(own.walSegmentSizeBytes)}`
  throw new Fault('WAL_INVALID', `the WAL segments of this server have ${sizes}`, {
    hint: 'The segment size was changed after the repository was made: give the cluster a new name, and run holdfast init.',
  })
}

const stopped = (): Fault =>
  new Fault('INTERRUPTED', 'the push went on without this repository', {
    hint: 'Nothing: it is brought there later.',
  })
