import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { limits } from '../base/limits.ts'
import { generateIdentity } from './age.ts'
import { decodeStream, encodeStream, readClear, type Encoding } from './codec.ts'
import { createLateEncoder, encodeLate } from './encode-late.ts'

const clear = [{ type: 'holdfast.dev/wal', args: ['name=1', 'size=2'] }]
const lengths = [
  0,
  1,
  5000,
  limits.frameSizeBytesMax,
  limits.frameSizeBytesMax + 1,
  3 * limits.frameSizeBytesMax - 3,
]

async function* inPieces(bytes: Uint8Array, sizeBytes: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes)
}

const collect = async (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(pieces, piece => Uint8Array.from(piece)))

async function encodings(): Promise<readonly { encoding: Encoding; identities: readonly string[] }[]> {
  const { identity, recipient } = await generateIdentity()
  return [
    { encoding: { level: 3, recipients: [] }, identities: [] },
    { encoding: { level: 3, recipients: [recipient] }, identities: [identity] },
  ]
}

test('an object that tells its clear text last is read like any other, whatever its length', async () => {
  for (const { encoding, identities } of await encodings()) {
    for (const length of lengths) {
      const bytes = Buffer.concat([Buffer.alloc(length >> 1, 'wal '), randomBytes(length - (length >> 1))])
      let seenBytes = 0
      const plain = async function* (): AsyncIterable<Uint8Array> {
        for await (const piece of inPieces(bytes, limits.frameSizeBytesMax)) {
          seenBytes += piece.length
          yield piece
        }
      }
      const encoded = Buffer.concat([
        ...(await encodeLate(plain(), encoding, () => {
          expect(seenBytes).toBe(length)
          return clear
        })),
      ])
      expect(readClear(encoded)?.filter(({ type }) => type === 'holdfast.dev/wal')).toEqual(clear)
      expect(await collect(decodeStream(inPieces(encoded, 70_000), identities))).toEqual(bytes)
    }
  }
})

test('without encryption it is byte for byte what the stream makes', async () => {
  const bytes = Buffer.concat([Buffer.alloc(3_000_000, 'wal '), randomBytes(100_000)])
  const encoding = { level: 3, recipients: [] }
  const late = Buffer.concat([...(await encodeLate(inPieces(bytes, 8192), encoding, () => clear))])
  expect(late).toEqual(await collect(encodeStream(inPieces(bytes, 1_000_000), encoding, clear)))
})

test('one encoder makes one object after another, whatever their sizes, also where earlier ones lay', async () => {
  for (const { encoding, identities } of await encodings()) {
    using encoder = createLateEncoder()
    for (const length of [3_000_000, 5000, 0, 6_000_000, 2_999_999]) {
      const bytes = randomBytes(length)
      const encoded = await encoder.encode(inPieces(bytes, 700_000), encoding, () => clear)
      expect(await collect(decodeStream(inPieces(Buffer.concat([...encoded]), 70_000), identities))).toEqual(
        bytes,
      )
      const room = encoded.at(-1)?.buffer
      if (!(room instanceof ArrayBuffer)) throw new Error('a result lies in memory of its own')
      new Uint8Array(room).fill(255)
      encoder.reuse(room)
    }
  }
})
