/**
 * Headers of age files for X25519 keys, with node:crypto. The age-encryption package does the same and much more
 * (passphrases, post-quantum keys, plugins), but loading it takes longer than all else that a `wal push` does, and
 * `wal push` runs once for every segment. Keys of other kinds go to the package: see age.ts.
 *
 * The format is https://c2sp.org/age, "The X25519 recipient type".
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto'
import { decodeBech32 } from './bech32.ts'

/** A stanza of the header: a line of words, and a body. */
export interface HeaderStanza {
  readonly words: readonly string[]
  readonly body: Uint8Array
}

const versionLine = 'age-encryption.org/v1\n'
const keySizeBytes = 32
const fileKeySizeBytes = 16
const wrapInfo = 'age-encryption.org/v1/X25519'

/** The raw public key, when the text is an X25519 recipient. */
export function x25519Recipient(text: string): Uint8Array | undefined {
  const key = decodeBech32(text, 'age')
  return key?.length === keySizeBytes ? key : undefined
}

/** The secret key, when the text is an X25519 identity. */
export function x25519Identity(text: string): KeyObject | undefined {
  const key = decodeBech32(text, 'age-secret-key-')
  if (key?.length !== keySizeBytes) return undefined
  return privateKeyOf(key)
}

/** A new file key, sealed to each recipient, with further stanzas that everybody can read. */
export function encodeHeader(
  recipients: readonly Uint8Array[],
  clear: readonly HeaderStanza[],
): { readonly header: Uint8Array; readonly fileKey: Uint8Array } {
  const fileKey = randomBytes(fileKeySizeBytes)
  const sealed = recipients.map(recipient => wrap(fileKey, recipient, generateKeyPairSync('x25519')))
  return { header: headerOf(fileKey, [...clear, ...sealed]), fileKey }
}

/**
 * A header for a file key that is there already, the same every time: so a copy can be checked, resumed and mended by
 * its hash. The one-time key of each stanza is drawn from the file key and the recipient instead of from chance
 * (Bellare, Boldyreva, O'Neill: "Encrypt-with-Hash", CRYPTO 2007): who can not guess the 128 random bits of the file
 * key can not tell the difference, and who can has no need to.
 */
export function rewrapHeader(
  fileKey: Uint8Array,
  recipients: readonly Uint8Array[],
  clear: readonly HeaderStanza[],
): Uint8Array {
  const sealed = recipients.map(recipient => wrap(fileKey, recipient, drawnKeyPair(fileKey, recipient)))
  return headerOf(fileKey, [...clear, ...sealed])
}

function headerOf(fileKey: Uint8Array, stanzas: readonly HeaderStanza[]): Uint8Array {
  const text = `${versionLine}${stanzas.map(encodeStanza).join('')}---`
  return Buffer.from(`${text} ${base64(mac(fileKey, text))}\n`, 'latin1')
}

/** The file key; `undefined` when no identity fits, and `changed` when one does and the header is not what was written. */
export function openHeader(
  header: Uint8Array,
  identities: readonly KeyObject[],
): Uint8Array | 'changed' | undefined {
  const text = Buffer.from(header.buffer, header.byteOffset, header.byteLength).toString('latin1')
  const macAt = text.lastIndexOf('\n--- ') + 1
  const stanzas = decodeStanzas(text.slice(versionLine.length, macAt))
  if (!stanzas || macAt === 0 || !text.startsWith(versionLine)) return 'changed'
  const fileKey = firstOf(stanzas, stanza => firstOf(identities, identity => unwrap(stanza, identity)))
  if (!fileKey) return undefined
  const expected = Buffer.from(` ${base64(mac(fileKey, text.slice(0, macAt + 3)))}\n`)
  const found = Buffer.from(text.slice(macAt + 3), 'latin1')
  return found.length === expected.length && timingSafeEqual(found, expected) ? fileKey : 'changed'
}

interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

function drawnKeyPair(fileKey: Uint8Array, recipient: Uint8Array): KeyPair {
  const seed = Buffer.from(hkdfSync('sha256', fileKey, recipient, 'holdfast.dev/re-wrap', keySizeBytes))
  const privateKey = privateKeyOf(seed)
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

function wrap(fileKey: Uint8Array, recipient: Uint8Array, { privateKey, publicKey }: KeyPair): HeaderStanza {
  const share = rawPublicKey(publicKey)
  const secret = diffieHellman({ privateKey, publicKey: publicKeyOf(recipient) })
  const cipher = createCipheriv('chacha20-poly1305', wrapKey(secret, share, recipient), zeroNonce, {
    authTagLength: 16,
  })
  const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()])
  return { words: ['X25519', base64(share)], body }
}

function unwrap(
  { words: [type, share = ''], body }: HeaderStanza,
  identity: KeyObject,
): Uint8Array | undefined {
  const rawShare = Buffer.from(share, 'base64')
  if (type !== 'X25519' || rawShare.length !== keySizeBytes || body.length !== fileKeySizeBytes + 16)
    return undefined
  try {
    const secret = diffieHellman({ privateKey: identity, publicKey: publicKeyOf(rawShare) })
    const key = wrapKey(secret, rawShare, rawPublicKey(createPublicKey(identity)))
    const decipher = createDecipheriv('chacha20-poly1305', key, zeroNonce, { authTagLength: 16 })
    decipher.setAuthTag(body.subarray(fileKeySizeBytes))
    return Buffer.concat([decipher.update(body.subarray(0, fileKeySizeBytes)), decipher.final()])
  } catch {
    return undefined
  }
}

function encodeStanza({ words, body }: HeaderStanza): string {
  // Lines of a body have 64 letters, and the last one fewer: an empty line ends a body that fills its lines.
  const lines = base64(body).match(/.{1,64}/g) ?? []
  const end = lines.length > 0 && (lines.at(-1)?.length ?? 0) < 64 ? [] : ['']
  return [`-> ${words.join(' ')}`, ...lines, ...end].map(line => `${line}\n`).join('')
}

function decodeStanzas(text: string): readonly HeaderStanza[] | undefined {
  if (!/^(-> \S+( \S+)*\n([A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{0,63}\n)+$/.test(text)) return undefined
  return text
    .slice(3)
    .split('\n-> ')
    .map(stanza => {
      const [words = '', ...lines] = stanza.split('\n')
      return { words: words.split(' '), body: Buffer.from(lines.join(''), 'base64') }
    })
}

function firstOf<Item, Found>(
  items: readonly Item[],
  find: (item: Item) => Found | undefined,
): Found | undefined {
  for (const item of items) {
    const found = find(item)
    if (found !== undefined) return found
  }
  return undefined
}

const zeroNonce = Buffer.alloc(12)
/** What stands before the 32 bytes of a key in DER, RFC 8410. */
const pkcs8Start = Buffer.from('302e020100300506032b656e04220420', 'hex')
const spkiStart = Buffer.from('302a300506032b656e032100', 'hex')

const privateKeyOf = (raw: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([pkcs8Start, raw]), format: 'der', type: 'pkcs8' })
const publicKeyOf = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([spkiStart, raw]), format: 'der', type: 'spki' })
const rawPublicKey = (key: KeyObject): Buffer =>
  key.export({ format: 'der', type: 'spki' }).subarray(-keySizeBytes)
const wrapKey = (secret: Uint8Array, share: Uint8Array, recipient: Uint8Array): Uint8Array =>
  Buffer.from(hkdfSync('sha256', secret, Buffer.concat([share, recipient]), wrapInfo, 32))
const mac = (fileKey: Uint8Array, text: string): Buffer =>
  createHmac('sha256', Buffer.from(hkdfSync('sha256', fileKey, '', 'header', 32)))
    .update(text, 'latin1')
    .digest()
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/=+$/, '')
