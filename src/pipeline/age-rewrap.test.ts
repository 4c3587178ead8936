import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { isFault, type FaultCode } from '../base/fault.ts'
import { generateIdentity, parseAgeHeader } from './age.ts'
import { rewrapStream } from './age-rewrap.ts'
import { decodeStream, encodeStream } from './codec.ts'

const [first, second, third] = await Promise.all([generateIdentity(), generateIdentity(), generateIdentity()])
const wal = { type: 'holdfast.dev/wal', args: ['name=000000010000000000000001', 'size=5'] }
const plain = randomBytes(300_000)

describe('re-wrapping', () => {
  test('gives an object that the new keys open, and the old one does not', async () => {
    const stored = await sealed([first.recipient])
    const rewrapped = await bytesOf(
      rewrapStream(pieces(stored, 7000), {
        identities: [first.identity],
        recipients: [second.recipient, third.recipient],
      }),
    )
    for (const { identity } of [second, third]) expect(await opened(rewrapped, identity)).toEqual(plain)
    await expect(opened(rewrapped, first.identity)).rejects.toSatisfy(fault('KEY_WRONG'))
  })

  test('keeps what is told in the clear and every sealed byte', async () => {
    const stored = await sealed([first.recipient, third.recipient])
    const rewrapped = await rewrap(stored, [second.recipient])
    const [old, made] = [parseAgeHeader(stored), parseAgeHeader(rewrapped)]
    expect(made?.clear.filter(({ type }) => type !== 'X25519')).toEqual([wal])
    expect(rewrapped.subarray(made?.payloadOffsetBytes)).toEqual(stored.subarray(old?.payloadOffsetBytes))
  })

  test('gives the same bytes every time, in whichever order the recipients are named', async () => {
    const stored = await sealed([first.recipient])
    const once = await rewrap(stored, [second.recipient, third.recipient])
    expect(await rewrap(stored, [third.recipient, second.recipient])).toEqual(once)
    const other = await rewrap(await sealed([first.recipient]), [second.recipient, third.recipient])
    expect(parseAgeHeader(other)?.clear.map(({ args }) => args)).not.toEqual(
      parseAgeHeader(once)?.clear.map(({ args }) => args),
    )
  })

  test('brings an object back to its first recipients as others wrapped it', async () => {
    const stored = await sealed([first.recipient])
    const there = await rewrap(stored, [second.recipient])
    const back = rewrapStream(pieces(there), { identities: [second.identity], recipients: [first.recipient] })
    expect(await opened(await bytesOf(back), first.identity)).toEqual(plain)
  })

  test.each<[string, FaultCode, readonly string[]]>([
    ['without a key', 'KEY_MISSING', []],
    ['with a key that does not fit', 'KEY_WRONG', [second.identity]],
  ])('%s is refused', async (_, code, identities) => {
    const stored = await sealed([first.recipient])
    const work = bytesOf(rewrapStream(pieces(stored), { identities, recipients: [second.recipient] }))
    await expect(work).rejects.toSatisfy(fault(code))
  })

  test('refuses what is not sealed, what was changed in the clear, and recipients of other kinds', async () => {
    const open = await bytesOf(encodeStream(pieces(plain), { level: 1, recipients: [] }))
    await expect(rewrap(open, [second.recipient])).rejects.toSatisfy(fault('OBJECT_CORRUPT'))
    const changed = Buffer.from(await sealed([first.recipient]))
    changed[changed.indexOf('size=5') + 5] = 0x36
    await expect(rewrap(changed, [second.recipient])).rejects.toSatisfy(fault('OBJECT_CORRUPT'))
    const stored = await sealed([first.recipient])
    await expect(rewrap(stored, ['age1pq1abc'])).rejects.toSatisfy(fault('CONFIG_INVALID'))
  })
})

const fault = (code: FaultCode) => (error: unknown) => isFault(error, code)

async function sealed(recipients: readonly string[]): Promise<Buffer> {
  return bytesOf(encodeStream(pieces(plain), { level: 1, recipients }, [wal]))
}

function rewrap(stored: Uint8Array, recipients: readonly string[]): Promise<Buffer> {
  return bytesOf(rewrapStream(pieces(stored), { identities: [first.identity], recipients }))
}

async function opened(stored: Uint8Array, identity: string): Promise<Buffer> {
  return bytesOf(decodeStream(pieces(stored), [identity]))
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const kept: Uint8Array[] = []
  for await (const piece of stream) kept.push(Uint8Array.from(piece))
  return Buffer.concat(kept)
}

async function* pieces(bytes: Uint8Array, sizeBytes = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes)
}
