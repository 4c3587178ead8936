/**
 * What some storages can do besides keeping objects. Each is a port of its own that a storage may have (`storage.copying`,
 * `storage.thawing`, `storage.reach`); wrappers pass it on as they pass on the rest. The contract of the first two is in test/contract.
 */

/** Copies objects inside the storage: the bytes do not come by here. */
export interface Copying {
  /**
   * A new object with the bytes of another one, written once as `put` does, with the class, tags, lock and encryption of
   * its own key. OBJECT_MISSING when there is nothing to copy, OBJECT_COLD when that has to be thawed first, and
   * STORAGE_UNSUPPORTED where the server can not: then the bytes have to be read and written.
   */
  copy(from: string, to: string, unproven: Unproven, signal: AbortSignal): Promise<CopyOutcome>
}

/** What becomes of a copy whose bytes the server does not vouch for by a hash of its own: made all the same, or not made. */
export type Unproven = 'make' | 'refuse'

export type CopyOutcome =
  /** It is there, written now or before, and hashes that the server made itself say that it has the same bytes. */
  | 'proven'
  /** Written now, in the right size; the server tells no hash that could be compared. */
  | 'made'
  /** The key is taken, by an object of the same size whose hash can not be compared. */
  | 'taken'
  /** The key is taken by other bytes. */
  | 'different'
  /** Not made, since it would not have been proven. */
  | 'refused'

/** Brings back what lies in a class that can not be read at once. */
export interface Thawing {
  /** Whether objects of this class have to be thawed before they can be read. */
  isCold(storageClass: string | undefined): boolean
  /** OBJECT_MISSING when it is not there. */
  state(key: string, signal: AbortSignal): Promise<ThawState>
  /** Asks for it; harmless when it was asked for already, or need not be. */
  request(key: string, wish: ThawWish, signal: AbortSignal): Promise<void>
}

export interface ThawState {
  /** `cold`: nobody has asked for it yet. */
  readonly is: 'readable' | 'cold' | 'thawing'
  readonly sizeBytes: number
  readonly storageClass: string | undefined
  /** Thawed, and readable until then. */
  readonly readableUntilMs?: number | undefined
}

export const thawSpeeds = ['expedited', 'standard', 'bulk'] as const
export type ThawSpeed = (typeof thawSpeeds)[number]

export interface ThawWish {
  readonly speed: ThawSpeed
  /** For so long it shall stay readable, where the storage asks for that. */
  readonly days: number
}

/** How a storage on the network is reached: what `status` watches of it besides its objects. */
export interface Reach {
  /** Where requests go, without anything secret; undefined when another program carries them there, or it is not known yet. */
  endpoint(): Promise<URL | undefined>
  /** Undefined when they do not end, or are renewed without anybody's doing, or do not say when they end. */
  credentialsEnd(): Promise<CredentialsEnd | undefined>
  /** The storage's clock minus ours. */
  clockSkewMs(signal: AbortSignal): Promise<number | undefined>
}

export interface CredentialsEnd {
  readonly endMs: number
  /** They are made to last hours, or a few days: whoever makes them does so often. */
  readonly isShortLived: boolean
}

interface SecondPorts {
  readonly copying?: Copying | undefined
  readonly thawing?: Thawing | undefined
}

/** The second ports of a storage with something around each call, for wrappers to spread. */
export function secondPorts(
  { copying, thawing }: SecondPorts,
  around: <T>(what: string, work: () => Promise<T>, signal: AbortSignal) => Promise<T>,
): SecondPorts {
  return {
    copying: copying && {
      copy: (from, to, unproven, signal) =>
        around(`copying ${from} to ${to}`, () => copying.copy(from, to, unproven, signal), signal),
    },
    thawing: thawing && {
      isCold: storageClass => thawing.isCold(storageClass),
      state: (key, signal) => around(`looking at ${key}`, () => thawing.state(key, signal), signal),
      request: (key, wish, signal) =>
        around(`thawing ${key}`, () => thawing.request(key, wish, signal), signal),
    },
  }
}
