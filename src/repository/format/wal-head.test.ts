import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isFault } from '../../base/fault.ts'
import { decodeWalHead, encodeWalHead, walHeadType, type WalHead } from './wal-head.ts'

interface Vectors {
  readonly good: readonly { why: string; args: readonly string[]; head: WalHead }[]
  readonly readable: readonly { why: string; args: readonly string[] }[]
  readonly damaged: readonly { why: string; args: readonly string[] }[]
}
const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/wal-heads.json', import.meta.url), 'utf8'),
) as Vectors
const stanza = (args: readonly string[]) => ({ type: walHeadType, args })
const isCorrupt = (error: unknown) => isFault(error, 'OBJECT_CORRUPT') && error.message.includes('wal/x')

describe('heads of WAL objects', () => {
  test.each(vectors.good)('$why is written and read', ({ args, head }) => {
    expect(encodeWalHead(head)).toEqual(stanza(args))
    expect(decodeWalHead([{ type: 'other', args: [] }, stanza(args)], 'wal/x')).toEqual(head)
  })

  test.each(vectors.readable)('$why is passed over', ({ args }) => {
    expect(decodeWalHead([stanza(args)], 'wal/x').sizeBytes).toBe(41)
  })

  test.each(vectors.damaged)('$why is refused', ({ args }) => {
    expect(() => decodeWalHead([stanza(args)], 'wal/x')).toThrow(expect.toSatisfy(isCorrupt))
  })

  test('an object without a head, or with two, is refused', () => {
    const [good] = vectors.good
    const one = stanza(good?.args ?? [])
    expect(() => decodeWalHead([], 'wal/x')).toThrow(expect.toSatisfy(isCorrupt))
    expect(() => decodeWalHead([one, one], 'wal/x')).toThrow(expect.toSatisfy(isCorrupt))
  })

  test('every head comes back as it was', () => {
    const hex = (digits: string, length: number) =>
      fc.string({ unit: fc.constantFrom(...Array.from(digits)), minLength: length, maxLength: length })
    const time = fc
      .date({ min: new Date('2000-01-01'), max: new Date('2099-01-01'), noInvalidDate: true })
      .map(date => date.toISOString())
    const heads = fc.record(
      {
        name: hex('0123456789ABCDEF', 24),
        sizeBytes: fc.integer({ min: 0, max: 2 ** 30 }),
        sha256: hex('0123456789abcdef', 64),
        systemIdentifier: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map(String),
        commits: fc.record({ count: fc.nat(), earliest: time, latest: time }),
      },
      { requiredKeys: ['name', 'sizeBytes', 'sha256'] },
    )
    fc.assert(
      fc.property(heads, head => {
        const { type, args } = encodeWalHead(head)
        expect(args.every(word => /^[\x21-\x7e]+$/.test(word))).toBe(true)
        expect(decodeWalHead([{ type, args }], 'wal/x')).toEqual(head)
      }),
    )
  })
})
