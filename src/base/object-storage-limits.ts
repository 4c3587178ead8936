/** The bounds of object storage: a part of limits.ts, where they are looked for. */
import { KiB, MiB, minute, second } from './units.ts'

export const objectStorageLimits = {
  /** Object storage: no connection, and no byte moved, for so long end a request. */
  objectConnectMsMax: 10 * second,
  objectSilenceMsMax: 30 * second,
  /** A request may take storageRequestMsMax, and longer for its bytes as if they moved at this speed: a trickle is an end, too. */
  objectSpeedBytesPerSecondMin: 32 * KiB,
  /** Requests at the same time to one storage; fewer while it asks to be called less often. */
  objectRequestsMax: 64,
  objectThrottlePauseMsFirst: 500,
  objectThrottlePauseMsMax: 20 * second,
  /** Parts of a multipart upload: their number is what servers allow; so many are equal, then their size doubles. */
  objectPartSizeBytes: 8 * MiB,
  objectPartsMax: 10_000,
  objectPartsEqual: 1_000,
  /** Bodies up to this size whose length is known are one request, in which a second write is refused by the server. */
  objectWholeSizeBytesMax: 32 * MiB,
  /** Of one writer: parts that are on their way. One more is being filled. */
  objectWriteAheadBytesMax: 32 * MiB,
  /** A read up to this size is one request: who wants it in parts asks for parts. */
  objectReadWholeSizeBytesMax: 16 * MiB,
  /** Larger reads are split into requests of this size, and so many bytes are asked for before they are wanted. */
  objectReadSizeBytes: 8 * MiB,
  objectReadAheadBytesMax: 24 * MiB,
  objectDeleteKeysMax: 1_000,
  /** Parts that a server copies from one of its objects to another at the same time. */
  objectCopyPartsParallel: 16,
  /** What is written at the same time is looked at together: a write waits so long for others, and for so many. */
  objectProofWaitMs: 150,
  objectProofsTogetherMax: 64,
  /** Where a server does not refuse a second multipart upload of a key, a claim does; one this old is its holder's who died. */
  objectClaimMsMax: 4 * minute,
  objectClaimPollMs: 250,
  /** Where objects are deleted one by one: so many at the same time. */
  objectDeletesParallel: 16,
  /** What is sent is handed to the connection in steps of this size, to see whether it moves. */
  objectSliceSizeBytes: 256 * KiB,
  /** What a storage says when something is wrong. */
  errorSizeBytesMax: 1 * MiB,
  /** Google's uploads go chunk by chunk, each after the other (a multiple of 256 KiB); what fits into one is one request. */
  gcsChunkSizeBytes: 16 * MiB,
  /** Azure: the next token is asked for so long before one ends, again after such a pause, and none is used that ends sooner. */
  azureTokenAheadMs: 2 * minute,
  azureTokenPauseMs: 3 * second,
  azureTokenLeftMsMin: 1 * second,
  /** What storages tell in one answer, and how many keys they delete at once. */
  storageListPageKeys: 1000,
} as const
