import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeHeader, openHeader, x25519Identity, x25519Recipient } from './age-x25519.ts'
import { decodeBech32 } from './bech32.ts'

async function pair() {
  const identity = await generateX25519Identity()
  const recipient = x25519Recipient(await identityToRecipient(identity))
  const key = x25519Identity(identity)
  if (!recipient || !key) throw new Error('the package makes X25519 keys')
  return { identity, recipient, key }
}

test('the age-encryption package opens a header of ours, with either of two keys, and reads our clear stanza over', async () => {
  const [one, other, stranger] = [await pair(), await pair(), await pair()]
  const clear = [{ words: ['holdfast.dev/wal', 'name=0001'], body: new Uint8Array(0) }]
  const { header, fileKey } = encodeHeader([one.recipient, other.recipient], clear)
  for (const { identity } of [one, other]) {
    const decrypter = new Decrypter()
    decrypter.addIdentity(identity)
    expect(Buffer.from(await decrypter.decryptHeader(header))).toEqual(fileKey)
  }
  expect(openHeader(header, [stranger.key])).toBeUndefined()
  expect(openHeader(header, [stranger.key, other.key])).toEqual(fileKey)
})

test('we open a header of the age-encryption package', async () => {
  const { identity, key } = await pair()
  const encrypter = new Encrypter()
  encrypter.addRecipient(await identityToRecipient(identity))
  const file = await encrypter.encrypt(new Uint8Array(0))
  const header = file.subarray(0, file.length - 32)
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  expect(openHeader(header, [key])).toEqual(Buffer.from(await decrypter.decryptHeader(header)))
})

test('a header with any letter changed is not opened', async () => {
  const { recipient, key } = await pair()
  const { header, fileKey } = encodeHeader(
    [recipient],
    [{ words: ['x', 'latest=5'], body: new Uint8Array(0) }],
  )
  fc.assert(
    fc.property(fc.nat(header.length - 1), fc.integer({ min: 1, max: 127 }), (at, change) => {
      const changed = Uint8Array.from(header, (byte, i) => (i === at ? byte ^ change : byte))
      expect(openHeader(changed, [key])).not.toEqual(fileKey)
    }),
  )
})

test('bodies of every length are written as the specification says', async () => {
  const { recipient, key } = await pair()
  for (const length of [0, 1, 47, 48, 49, 96]) {
    const { header, fileKey } = encodeHeader(
      [recipient],
      [{ words: ['filler'], body: new Uint8Array(length) }],
    )
    expect(openHeader(header, [key]), String(length)).toEqual(fileKey)
  }
})

test('text that is no key is none', async () => {
  const identity = await generateX25519Identity()
  const recipient = await identityToRecipient(identity)
  expect(x25519Recipient(identity)).toBeUndefined()
  expect(x25519Identity(recipient)).toBeUndefined()
  expect(x25519Recipient(`${recipient.slice(0, -1)}${recipient.endsWith('q') ? 'p' : 'q'}`)).toBeUndefined()
  expect(x25519Recipient(`A${recipient.slice(1)}`)).toBeUndefined()
  expect(x25519Identity(identity.toLowerCase())).toBeDefined()
  expect(decodeBech32('age1', 'age')).toBeUndefined()
  expect(decodeBech32('', 'age')).toBeUndefined()
})
