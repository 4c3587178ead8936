/**
 * age files (https://c2sp.org/age): sealed to public keys, opened with secret ones, readable by the `age` program.
 *
 * Headers for X25519 keys are made in age-x25519.ts, those for keys of other kinds by the `age-encryption` package,
 * which is loaded only then. The payload is sealed here, with node:crypto, at ten times the package's speed: age's STREAM is ChaCha20-Poly1305 over chunks of 64 KiB, with a counter and a flag for
 * the last chunk as the nonce. Each chunk stands alone, so a range of a file can be opened without the rest.
 */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto'
import { Fault, messageOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { encodeHeader, openHeader, x25519Identity, x25519Recipient } from './age-x25519.ts'

const chunkSizeBytes = limits.ageChunkSizeBytes
const tagSizeBytes = 16
export const nonceSizeBytes = 16
/** A chunk as stored: sealed, with its tag. */
export const storedChunkSizeBytes = chunkSizeBytes + tagSizeBytes

/** Text in an age header that everybody can read and nobody can change without the key. Arguments hold no spaces. */
export interface ClearStanza {
  readonly type: string
  readonly args: readonly string[]
}

/** Makes a new key pair: the identity (`AGE-SECRET-KEY-1…`) is the secret, the recipient (`age1…`) is public. */
export async function generateIdentity(): Promise<{ identity: string; recipient: string }> {
  const { generateX25519Identity, identityToRecipient } = await import('age-encryption')
  const identity = await generateX25519Identity()
  return { identity, recipient: await identityToRecipient(identity) }
}

/** The public key of an identity; KEY_WRONG when the text is no identity. */
export async function recipientOf(identity: string): Promise<string> {
  const { identityToRecipient } = await import('age-encryption')
  try {
    return await identityToRecipient(identity)
  } catch (error) {
    throw new Fault('KEY_WRONG', 'this is not an age identity', {
      hint: 'Give the secret key that `holdfast init` made: one line that starts with AGE-SECRET-KEY-1.',
      cause: error,
    })
  }
}

export interface Sealer {
  /** The age header and the payload's nonce: stored before everything that `seal` gives. */
  readonly header: Uint8Array
  /** Seals `plain` into `into` (which holds sealedSizeBytesBound) and returns how much was written; up to 64 KiB wait inside. */
  seal(plain: Uint8Array, into: Uint8Array): number
  /** Seals what waits as the last chunk. */
  finish(into: Uint8Array): number
}

/** The most that `seal` or `finish` write for so many plain bytes. */
export function sealedSizeBytesBound(plainBytes: number): number {
  return (Math.floor(plainBytes / chunkSizeBytes) + 1) * storedChunkSizeBytes
}

/** Starts an age file for these recipients; CONFIG_INVALID when one of them is no recipient. */
export async function createSealer(
  recipients: readonly string[],
  clear: readonly ClearStanza[] = [],
): Promise<Sealer> {
  const { header, fileKey } = await encryptHeader(recipients, clear)
  const nonce = randomBytes(nonceSizeBytes)
  const key = payloadKey(fileKey, nonce)
  const waiting = Buffer.allocUnsafe(chunkSizeBytes)
  let waitingBytes = 0
  let index = 0
  const sealChunk = (plain: Uint8Array, last: boolean, into: Uint8Array, at: number): number => {
    const cipher = createCipheriv('chacha20-poly1305', key, chunkNonce(index++, last), {
      authTagLength: tagSizeBytes,
    })
    into.set(cipher.update(plain), at)
    cipher.final()
    into.set(cipher.getAuthTag(), at + plain.length)
    return plain.length + tagSizeBytes
  }
  return {
    header: Buffer.concat([header, nonce]),
    seal(plain, into) {
      let at = 0
      let rest = plain
      // The last chunk of a file is marked, so a full one is sealed only when it is known that more follows.
      while (waitingBytes + rest.length > chunkSizeBytes) {
        const take = chunkSizeBytes - waitingBytes
        if (waitingBytes === 0) {
          at += sealChunk(rest.subarray(0, take), false, into, at)
        } else {
          waiting.set(rest.subarray(0, take), waitingBytes)
          at += sealChunk(waiting, false, into, at)
          waitingBytes = 0
        }
        rest = rest.subarray(take)
      }
      waiting.set(rest, waitingBytes)
      waitingBytes += rest.length
      return at
    },
    finish: into => sealChunk(waiting.subarray(0, waitingBytes), true, into, 0),
  }
}

async function encryptHeader(
  recipients: readonly string[],
  clear: readonly ClearStanza[],
): Promise<{ header: Uint8Array; fileKey: Uint8Array }> {
  const keys = recipients.map(x25519Recipient).filter(key => key !== undefined)
  if (keys.length < recipients.length) return encryptHeaderByPackage(recipients, clear)
  return encodeHeader(
    keys,
    clear.map(({ type, args }) => ({ words: [type, ...args], body: new Uint8Array(0) })),
  )
}

async function encryptHeaderByPackage(
  recipients: readonly string[],
  clear: readonly ClearStanza[],
): Promise<{ header: Uint8Array; fileKey: Uint8Array }> {
  const { Encrypter, Stanza } = await import('age-encryption')
  const encrypter = new Encrypter()
  let fileKey: Uint8Array | undefined
  encrypter.addRecipient({
    wrapFileKey(key) {
      fileKey = Uint8Array.from(key)
      return clear.map(({ type, args }) => new Stanza([type, ...args], new Uint8Array(0)))
    },
  })
  for (const recipient of recipients) addRecipient(encrypter, recipient)
  const file = await encrypter.encrypt(new Uint8Array(0))
  if (!fileKey) throw new Error('assertion failed: the package asks every recipient')
  // An empty file is the header, the nonce, and one empty chunk: its tag.
  return { header: file.subarray(0, file.length - nonceSizeBytes - tagSizeBytes), fileKey }
}

function addRecipient(encrypter: { addRecipient(recipient: string): void }, recipient: string): void {
  try {
    encrypter.addRecipient(recipient)
  } catch (error) {
    throw new Fault('CONFIG_INVALID', `"${recipient}" is not an age recipient`, {
      hint: 'Give public keys that start with age1; `holdfast init` makes a pair.',
      cause: error,
    })
  }
}

export interface AgeHeader {
  /** Where the payload's first chunk begins. */
  readonly payloadOffsetBytes: number
  readonly clear: readonly ClearStanza[]
}

const magic = 'age-encryption.org/v1\n'

/** Whether these are the first bytes of an age file. */
export function isAge(start: Uint8Array): boolean {
  return Buffer.from(start.subarray(0, magic.length)).toString('latin1') === magic
}

/** Reads a header without opening it; undefined when it does not end within `start`. */
export function parseAgeHeader(start: Uint8Array): AgeHeader | undefined {
  if (!isAge(start)) throw corrupt('it does not begin like an age file')
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.length)
  const macAt = bytes.indexOf('\n--- ', 0, 'latin1')
  const end = macAt < 0 ? -1 : bytes.indexOf('\n', macAt + 1, 'latin1')
  if (end < 0 || end + 1 + nonceSizeBytes > start.length) return undefined
  const clear = bytes
    .toString('latin1', 0, macAt)
    .split('\n')
    .filter(line => line.startsWith('-> '))
    .map(line => line.slice(3).split(' '))
    .map(([type = '', ...args]) => ({ type, args }))
  return { payloadOffsetBytes: end + 1 + nonceSizeBytes, clear }
}

export interface Opener {
  readonly payloadOffsetBytes: number
  /** Opens one stored chunk (sealed bytes and tag) into `into`; returns the plain length. OBJECT_CORRUPT when it was changed. */
  openChunk(index: number, stored: Uint8Array, last: boolean, into: Uint8Array): number
}

/** Opens the file key with the first identity that fits. `start` must hold the whole header. */
export async function createOpener(start: Uint8Array, identities: readonly string[]): Promise<Opener> {
  const header = parseAgeHeader(start)
  if (!header) throw corrupt('its header is cut off')
  const { payloadOffsetBytes } = header
  const fileKey = await openFileKey(start.subarray(0, payloadOffsetBytes - nonceSizeBytes), identities)
  const key = payloadKey(fileKey, start.subarray(payloadOffsetBytes - nonceSizeBytes, payloadOffsetBytes))
  return {
    payloadOffsetBytes,
    openChunk(index, stored, last, into) {
      const plainBytes = stored.length - tagSizeBytes
      if (plainBytes < 0 || (plainBytes === 0 && index > 0))
        throw corrupt(`chunk ${String(index)} is cut off`)
      const decipher = createDecipheriv('chacha20-poly1305', key, chunkNonce(index, last), {
        authTagLength: tagSizeBytes,
      })
      decipher.setAuthTag(stored.subarray(plainBytes))
      into.set(decipher.update(stored.subarray(0, plainBytes)))
      try {
        decipher.final()
      } catch (error) {
        throw corrupt(`the seal of chunk ${String(index)} is broken`, error)
      }
      return plainBytes
    },
  }
}

/** `header` ends where the nonce begins. KEY_MISSING, KEY_WRONG, or OBJECT_CORRUPT when it was changed. */
export async function openFileKey(header: Uint8Array, identities: readonly string[]): Promise<Uint8Array> {
  if (identities.length === 0) {
    throw new Fault('KEY_MISSING', 'the object is encrypted and no identity is configured', {
      hint: 'Name the secret key in the configuration: encryption.identity: { file: … }.',
    })
  }
  const keys = identities.map(x25519Identity).filter(key => key !== undefined)
  const fileKey = openHeader(header, keys)
  if (fileKey === 'changed') throw corrupt('its header was changed')
  if (fileKey) return fileKey
  if (keys.length < identities.length) return openFileKeyByPackage(header, identities)
  throw keyWrong()
}

async function openFileKeyByPackage(header: Uint8Array, identities: readonly string[]): Promise<Uint8Array> {
  const { Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  for (const identity of identities) decrypter.addIdentity(identity)
  try {
    return await decrypter.decryptHeader(header)
  } catch (error) {
    if (!messageOf(error).includes('no identity matched')) throw corrupt('its header was changed', error)
    throw keyWrong(error)
  }
}

function keyWrong(cause?: unknown): Fault {
  return new Fault('KEY_WRONG', 'none of the identities configured opens this object', {
    hint: 'Use the secret key that belongs to the recipients named in backup.json (`holdfast show ID`).',
    cause,
  })
}

/** As a key object: a cipher is made for every chunk, and from plain bytes that takes a third of the time of sealing it. */
const payloadKey = (fileKey: Uint8Array, nonce: Uint8Array): KeyObject =>
  createSecretKey(Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32)))

/** An 88-bit counter, big endian, and the flag of the last chunk. */
function chunkNonce(index: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(index, 5, 6)
  nonce[11] = last ? 1 : 0
  return nonce
}

const corrupt = (why: string, cause?: unknown): Fault =>
  new Fault('OBJECT_CORRUPT', `an encrypted object can not be opened: ${why}`, {
    hint: 'Run `holdfast verify` to see what else is damaged, and restore from another repository or backup.',
    cause,
  })
