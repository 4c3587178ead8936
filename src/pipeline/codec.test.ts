import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isFault } from '../base/fault.ts'
import { generateIdentity, type ClearStanza } from './age.ts'
import { decodeStream, decodeWhole, encodeStream, readClear, type Encoding } from './codec.ts'

const keys = await generateIdentity()
const plainEncoding: Encoding = { level: 3, recipients: [] }
const sealedEncoding: Encoding = { level: 3, recipients: [keys.recipient] }

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const piece of stream) parts.push(Buffer.from(piece))
  return Buffer.concat(parts)
}

async function* streamOf(bytes: Uint8Array, pieceBytes = 100_000): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

const encode = (bytes: Uint8Array, encoding: Encoding, clear?: ClearStanza[]): Promise<Buffer> =>
  collect(encodeStream(streamOf(bytes), encoding, clear))
const decode = (stored: Uint8Array, identities = [keys.identity]): Promise<Buffer> =>
  collect(decodeStream(streamOf(stored, 70_001), identities))

/** In memory, into a buffer that has room left; what comes out is what was shown on the way. */
async function decodeInMemory(stored: Uint8Array, identities = [keys.identity]): Promise<Buffer> {
  const into = new Uint8Array(4_000_000)
  const seen: Buffer[] = []
  const filled = await decodeWhole(stored, identities, into, piece => seen.push(Buffer.from(piece)))
  expect(Buffer.concat(seen).equals(into.subarray(0, filled))).toBe(true)
  return Buffer.from(into.subarray(0, filled))
}

const hashes = Array.from({ length: 1000 }, (_, i) => createHash('sha256').update(String(i)).digest())
const zeros = Buffer.alloc(32)

/** Bytes that compress a little: hash chains with repeats. */
function sample(sizeBytes: number): Buffer {
  const parts: Buffer[] = []
  for (let i = 0, size = 0; size < sizeBytes; i++, size += 64) {
    const hash = hashes[i % hashes.length] ?? zeros
    parts.push(hash, i % 3 === 0 ? hash : zeros)
  }
  return Buffer.concat(parts).subarray(0, sizeBytes)
}

describe.each([
  ['encrypted', sealedEncoding, decode],
  ['not encrypted', plainEncoding, decode],
  ['encrypted and read in memory', sealedEncoding, decodeInMemory],
  ['not encrypted and read in memory', plainEncoding, decodeInMemory],
])('an object that is %s', (_, encoding, decode) => {
  test('comes back as it was, whatever its length', async () => {
    const lengths = fc.oneof(
      fc.integer({ min: 0, max: 3000 }),
      fc.constantFrom(65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 3_000_000),
    )
    await fc.assert(
      fc.asyncProperty(lengths, async length => {
        const plain = sample(length)
        expect(Buffer.compare(await decode(await encode(plain, encoding)), plain)).toBe(0)
      }),
      { numRuns: 25 },
    )
  })

  test('tells what is in the clear without a key, and only when its start is long enough', async () => {
    const clear = [{ type: 'holdfast.dev/test', args: ['a=1', 'b=two'] }]
    const stored = await encode(sample(1000), encoding, clear)
    expect(readClear(stored.subarray(0, 4096))).toContainEqual(clear[0])
    expect(readClear(stored.subarray(0, 25))).toBeUndefined()
    expect(Buffer.compare(await decode(stored), sample(1000))).toBe(0)
  })

  test('is refused when a byte is changed or the end is cut off', async () => {
    const stored = await encode(sample(200_000), encoding)
    const positions = fc.integer({ min: 0, max: stored.length - 1 })
    await fc.assert(
      fc.asyncProperty(positions, fc.boolean(), async (at, cut) => {
        const damaged = cut ? stored.subarray(0, at) : Buffer.from(stored)
        if (!cut) damaged[at] = (damaged[at] ?? 0) ^ 0x40
        const outcome = await decode(damaged).catch((error: unknown) => error)
        // A changed byte in a header's grease or stanza may also leave no key that fits.
        expect(isFault(outcome, 'OBJECT_CORRUPT', 'KEY_WRONG')).toBe(true)
      }),
      { numRuns: 150 },
    )
  })
})

test('more than there is room for is no object of the length that was said', async () => {
  const stored = await encode(sample(3000), sealedEncoding)
  const outcome = decodeWhole(stored, [keys.identity], new Uint8Array(2999), () => undefined)
  await expect(outcome).rejects.toThrow('it holds more than the 2999 bytes')
})

test('an object is opened by the age and zstd programs', async context => {
  const hasAge = ['/usr/bin/age', '/usr/local/bin/age'].some(path => {
    try {
      execFileSync(path, ['--version'])
      return true
    } catch {
      return false
    }
  })
  if (!hasAge) context.skip('the age program is not installed')
  const plain = sample(2_500_000)
  const stored = await encode(plain, sealedEncoding, [{ type: 'holdfast.dev/test', args: ['x=1'] }])
  const script = 'printf "%s" "$IDENTITY" > "$DIR/key" && age -d -i "$DIR/key" | zstd -dc'
  const { mkdtempSync, rmSync } = await import('node:fs')
  const directory = mkdtempSync('/tmp/holdfast-age-')
  try {
    const out = execFileSync('sh', ['-c', script], {
      input: stored,
      env: { ...process.env, IDENTITY: keys.identity, DIR: directory },
      maxBuffer: 1 << 28,
    })
    expect(Buffer.compare(out, plain)).toBe(0)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('another key does not open it, and no key is said to be missing', async () => {
  const stored = await encode(sample(10), sealedEncoding)
  const other = await generateIdentity()
  await expect(decode(stored, [other.identity])).rejects.toMatchObject({ code: 'KEY_WRONG' })
  await expect(decode(stored, [])).rejects.toMatchObject({ code: 'KEY_MISSING' })
})
