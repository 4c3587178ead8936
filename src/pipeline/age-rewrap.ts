/**
 * Re-wrapping: an age file for other recipients, without touching what it seals. The file key is taken out of the old
 * header and put into a new one; nonce and sealed chunks stay byte by byte. So nothing is decrypted but 16 bytes, and
 * the data never lies open on the way.
 */
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { isAge, nonceSizeBytes, openFileKey, parseAgeHeader } from './age.ts'
import { rewrapHeader, x25519Recipient } from './age-x25519.ts'
import { ByteQueue } from './byte-queue.ts'
import { ageHeaderSizeBytesMax } from './codec.ts'

export interface Rewrapping {
  /** Any one of them has to open the old header. */
  readonly identities: readonly string[]
  readonly recipients: readonly string[]
}

/** What is told in the clear about an object, under our own name, is told again; other stanzas are of the old recipients. */
const ownStanza = /^holdfast\.dev\//

/**
 * The same bytes come out every time, whatever the order of the recipients. KEY_MISSING and KEY_WRONG without a key that fits;
 * OBJECT_CORRUPT when this is no age file or its header was changed.
 */
export async function* rewrapStream(
  stored: AsyncIterable<Uint8Array>,
  { identities, recipients }: Rewrapping,
): AsyncGenerator<Uint8Array, void, undefined> {
  const keys = recipientKeys(recipients)
  const queue = new ByteQueue(stored)
  try {
    const start = await queue.peek(ageHeaderSizeBytesMax)
    const old = isAge(start) ? parseAgeHeader(start) : undefined
    if (!old) throw notSealed()
    const fileKey = await openFileKey(start.subarray(0, old.payloadOffsetBytes - nonceSizeBytes), identities)
    const clear = old.clear
      .filter(({ type }) => ownStanza.test(type))
      .map(({ type, args }) => ({ words: [type, ...args], body: new Uint8Array(0) }))
    await queue.take(old.payloadOffsetBytes - nonceSizeBytes)
    yield rewrapHeader(fileKey, keys, clear)
    for (;;) {
      const piece = await queue.take(limits.storagePieceSizeBytes)
      if (piece.length === 0) return
      yield piece
    }
  } finally {
    await queue.close()
  }
}

/** CONFIG_INVALID for recipients whose stanzas can not be made the same twice. */
export function assertRewrappable(recipients: readonly string[]): void {
  recipientKeys(recipients)
}

function recipientKeys(recipients: readonly string[]): readonly Uint8Array[] {
  return recipients.toSorted().map(recipient => {
    const key = x25519Recipient(recipient)
    if (key) return key
    throw new Fault(
      'CONFIG_INVALID',
      `nothing can be re-wrapped for "${recipient}": it is no X25519 recipient`,
      {
        hint: 'Give the copy the same recipients as its source, or ones that `age-keygen` or `holdfast init` made.',
      },
    )
  })
}

function notSealed(): Fault {
  return new Fault('OBJECT_CORRUPT', 'an encrypted object can not be re-wrapped: it does not begin as one', {
    hint: 'Run `holdfast verify` to see what else is damaged.',
  })
}
