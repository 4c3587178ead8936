/**
 * Proves that a place refuses a second write: many writers at the same moment, each with bytes of its own, to one key,
 * as a put and as an upload in parts. Everything else stands on it: leases, WAL that two servers push, locks.
 *
 * Where probes may be deleted they are, and each proof is made on a new key. Where they may not, as with the rights of a
 * database host, the ones that an earlier proof left serve again (nobody may win then), so that no more than two are left
 * behind.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { World } from '../../base/world.ts'
import { probePrefix } from '../../repository/layout.ts'
import { readWhole } from '../../repository/objects.ts'
import { bodyOf, type Storage } from '../../storage/storage.ts'

export interface WriteOnceProof {
  /** What is wrong, for each way of writing; undefined when the place refused whatever it should. */
  readonly put: string | undefined
  readonly upload: string | undefined
  /** Whether the probes could be taken away again. */
  readonly tidy: boolean
  /** Keys of probes that a listing did not show after they were written. */
  readonly unlisted: readonly string[]
}

export interface Racers {
  readonly puts: number
  readonly uploads: number
}

/** Small objects cost nothing; an upload has to be larger than one part to be one. */
export const racersOfInit: Racers = { puts: 16, uploads: 4 }
export const racersOfDoctor: Racers = { puts: 4, uploads: 2 }
/** Where each write looks first, two at the same moment are known to be kept apart by nothing. */
export const oneAfterAnother: Racers = { puts: 1, uploads: 1 }

type Way = 'put' | 'upload'
const waysOf: Readonly<Record<Way, string>> = { put: 'puts', upload: 'uploads in parts' }
type Outcome = 'written' | 'taken' | 'overtaken'

export async function proveWriteOnce(
  storage: Storage,
  cluster: string,
  racers: Racers,
  world: World,
  signal: AbortSignal,
): Promise<WriteOnceProof> {
  const prefix = probePrefix(cluster)
  const left = (await Array.fromAsync(storage.list(prefix, signal))).map(({ key }) => key)
  const race = { storage, prefix, left, world }
  const put = await proveWay('put', { ...race, racers: racers.puts }, signal)
  const upload = await proveWay('upload', { ...race, racers: racers.uploads }, signal)
  const keys = [...put.keys, ...upload.keys]
  const listed = new Set((await Array.fromAsync(storage.list(prefix, signal))).map(({ key }) => key))
  const tidy = await takeAway(storage, keys, signal)
  return {
    put: put.complaint,
    upload: upload.complaint,
    tidy,
    unlisted: [put, upload].flatMap(way => way.keys.slice(-1)).filter(key => !listed.has(key)),
  }
}

/** For who can not go on without: STORAGE_UNSUPPORTED says what is lost, and how to choose the fallback openly. */
export function assertWriteOnce({ put, upload }: WriteOnceProof, { location }: Storage, name: string): void {
  const complaint = put ?? upload
  if (complaint === undefined) return
  throw new Fault(
    'STORAGE_UNSUPPORTED',
    `${location} does not keep what is written from being written over: ${complaint}`,
    {
      hint:
        'Use a storage that refuses a second write (Amazon S3, Google, Azure and many others do). With this one, two hosts that write at the same ' +
        'moment (a server and its copy, two backups) may replace what the other wrote, and nobody is told. If you accept that only a look before each ' +
        `write and the lease stand between them, say so: write_once: check under repositories.${name}; see docs/rights.md.`,
    },
  )
}

interface Race {
  readonly storage: Storage
  readonly prefix: string
  readonly left: readonly string[]
  readonly racers: number
  readonly world: World
}

/** Complains only after the second time: another host may have taken the first probe away in the middle of the race. */
async function proveWay(way: Way, race: Race, signal: AbortSignal): Promise<ProvenWay> {
  const old = race.left.find(key => key.startsWith(`${race.prefix}${way}-`))
  const keys: string[] = []
  let complaint: string | undefined
  for (const key of race.racers > 0 ? [old ?? freshKey(way, race), freshKey(way, race)] : []) {
    keys.push(key)
    complaint = await complaintAbout(way, race, key, signal)
    if (complaint === undefined) break
  }
  return { keys, complaint }
}

interface ProvenWay {
  readonly keys: readonly string[]
  readonly complaint: string | undefined
}

const freshKey = (way: Way, { prefix, world }: Race): string =>
  `${prefix}${way}-${Buffer.from(world.randomBytes(8)).toString('hex')}`

async function complaintAbout(
  way: Way,
  { storage, racers, world }: Race,
  key: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const before = await readWhole(storage, key, probeSizeBytesMax, signal)
  const bodies = Array.from({ length: racers }, () => probeBytes(way, world))
  const write = (bytes: Uint8Array): Promise<Outcome> =>
    outcomeOf(
      () => (way === 'put' ? storage.put(key, bodyOf(bytes), signal) : upload(storage, key, bytes, signal)),
      () => readWhole(storage, key, probeSizeBytesMax, signal),
      bodies,
    )
  const outcomes = await Promise.all(bodies.map(write))
  if (outcomes.includes('overtaken'))
    return `one of ${String(racers)} ${waysOf[way]} at the same time replaced another`
  const winners = bodies.filter((_, i) => outcomes[i] === 'written')
  const after = await readWhole(storage, key, probeSizeBytesMax, signal)
  const again = await write(probeBytes(way, world))
  const last = await readWhole(storage, key, probeSizeBytesMax, signal)
  return judgeRace({ way, racers, before, bodies, winners, after, again, last })
}

export interface RaceOutcome {
  readonly way: Way
  readonly racers: number
  /** What was there when the race began. */
  readonly before: Uint8Array | undefined
  readonly bodies: readonly Uint8Array[]
  /** Those that were told that theirs was written. */
  readonly winners: readonly Uint8Array[]
  /** What was there after the race, and after one more write. */
  readonly after: Uint8Array | undefined
  readonly again: Outcome
  readonly last: Uint8Array | undefined
}

/** Undefined when all is as it should be. No winner is fine: an answer may have been lost on its way, and the try repeated. */
export function judgeRace(race: RaceOutcome): string | undefined {
  const what = waysOf[race.way]
  const { before, winners, after, last } = race
  if (winners.length > (before ? 0 : 1))
    return `of ${String(race.racers)} ${what} of one object at the same time, ${String(winners.length)} succeeded${before ? ', and it was there before' : ''}`
  const expected = before ?? winners[0]
  if (!after) return 'an object that was written is not there'
  const isOurs = expected ? same(after, expected) : race.bodies.some(bytes => same(after, bytes))
  if (!isOurs) return 'what was read is not what was written'
  if (race.again !== 'taken' || !last || !same(last, after))
    return `an object that was there was replaced by ${race.way === 'put' ? 'a put' : 'an upload in parts'}`
  return undefined
}

/**
 * A driver that looks at what it wrote finds by itself that somebody else's is there. Where a server numbers versions by
 * the clock, two writes of one millisecond have the same number, and the driver finds other bytes than it sent: only those
 * of a racer count as that; any others were changed on their way.
 */
async function outcomeOf(
  write: () => Promise<Outcome>,
  read: () => Promise<Uint8Array | undefined>,
  bodies: readonly Uint8Array[],
): Promise<Outcome> {
  try {
    return await write()
  } catch (error) {
    if (isFault(error, 'OBJECT_CONFLICT')) return 'overtaken'
    if (!isFault(error, 'OBJECT_CORRUPT')) throw error
    const found = await read()
    if (found && bodies.some(bytes => same(bytes, found))) return 'overtaken'
    throw error
  }
}

async function upload(
  storage: Storage,
  key: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<'written' | 'taken'> {
  const writer = await storage.create(key, signal)
  try {
    await writer.write(bytes)
    return await writer.commit()
  } catch (error) {
    await writer.abort()
    throw error
  }
}

const probeSizeBytesMax = 2 * limits.objectPartSizeBytes

/** Random at its start; the rest only has to be there, so that an upload needs a second part. */
function probeBytes(way: Way, world: World): Uint8Array {
  const random = world.randomBytes(64)
  if (way === 'put') return random
  const bytes = new Uint8Array(limits.objectPartSizeBytes + random.length)
  bytes.set(random)
  bytes.set(random, limits.objectPartSizeBytes)
  return bytes
}

async function takeAway(storage: Storage, keys: readonly string[], signal: AbortSignal): Promise<boolean> {
  try {
    await storage.delete(keys, signal)
    return true
  } catch (error) {
    if (isFault(error, 'STORAGE_DENIED', 'OBJECT_LOCKED')) return false
    throw error
  }
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
