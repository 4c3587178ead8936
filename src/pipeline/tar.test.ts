import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodePaxRecords,
  decodeTarHeader,
  encodeTarHeader,
  tarBlockSizeBytes,
  tarEnd,
  tarPaddingBytes,
  type TarEntry,
} from './tar.ts'

const file = (path: string, sizeBytes = 0): TarEntry => ({
  kind: 'file',
  path,
  sizeBytes,
  modifiedMs: 1_772_330_400_000,
  mode: 0o600,
  userId: 0,
  groupId: 0,
})

/** What the `tar` program reads: mode, size, and name (with the target of a link) of each entry. */
function listed(...parts: readonly Uint8Array[]): string[] {
  const text = execFileSync(
    'tar',
    ['--list', '--verbose', '--utc', '--full-time', '--quoting-style=literal'],
    {
      input: Buffer.concat([...parts, tarEnd]),
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    },
  )
  return text.trimEnd().split('\n')
}

/** Reads a header back, pax records included. */
function decoded(bytes: Uint8Array): { path: string; sizeBytes: number; linkTarget: string } | undefined {
  const first = decodeTarHeader(bytes.subarray(0, tarBlockSizeBytes))
  if (first?.kind !== 'pax') return first
  const records =
    decodePaxRecords(bytes.subarray(tarBlockSizeBytes, tarBlockSizeBytes + first.sizeBytes)) ?? {}
  const own = decodeTarHeader(bytes.subarray(bytes.length - tarBlockSizeBytes))
  return (
    own && {
      path: (records['path'] ?? own.path).replace(/\/$/, ''),
      sizeBytes: Number(records['size'] ?? own.sizeBytes),
      linkTarget: records['linkpath'] ?? own.linkTarget,
    }
  )
}

const part = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
  .filter(text => !/[/\0\n]/.test(text) && !/^\.+$/.test(text))
const paths = fc.array(part, { minLength: 1, maxLength: 8 }).map(parts => parts.join('/'))

describe('tar', () => {
  test('a header gives back its path and size, whatever they are', () => {
    fc.assert(
      fc.property(paths, fc.maxSafeNat(), (path, sizeBytes) => {
        const header = encodeTarHeader(file(path, sizeBytes))
        expect(header.length % tarBlockSizeBytes).toBe(0)
        expect(decoded(header)).toMatchObject({ path, sizeBytes })
      }),
    )
  })

  test('the tar program reads files, directories and links', () => {
    const directory: TarEntry = { ...file('base'), kind: 'directory', mode: 0o750 }
    const link: TarEntry = {
      ...file('pg_tblspc/16385'),
      kind: 'symlink',
      mode: 0o777,
      linkTarget: '/srv/space',
    }
    const data = Buffer.alloc(8)
    const lines = listed(
      encodeTarHeader(directory),
      encodeTarHeader(file('base/PG_VERSION', 3)),
      data.fill('15\n', 0, 3),
      Buffer.alloc(tarPaddingBytes(8)),
      encodeTarHeader(link),
    )
    expect(lines).toEqual([
      'drwxr-x--- 0/0               0 2026-03-01 02:00:00 base/',
      '-rw------- 0/0               3 2026-03-01 02:00:00 base/PG_VERSION',
      'lrwxrwxrwx 0/0               0 2026-03-01 02:00:00 pg_tblspc/16385 -> /srv/space',
    ])
  })

  test.each([
    ['a name of 100 bytes', 'a'.repeat(100)],
    ['a name of 101 bytes', 'a'.repeat(101)],
    ['a path that is cut at a slash', `${'d'.repeat(150)}/${'n'.repeat(99)}`],
    ['a path that can not be cut', `${'d'.repeat(200)}/${'n'.repeat(99)}`],
    ['a path of 1,000 bytes', 'directory/'.repeat(99) + 'filename'],
    ['letters of other alphabets', 'Übergröße/データ'],
  ])('the tar program reads %s', (_, path) => {
    expect(listed(encodeTarHeader(file(path)))[0]?.slice(51)).toBe(path)
  })

  test('the tar program reads a size over 8 GiB', () => {
    const header = encodeTarHeader(file('huge', 9 * 1024 ** 3))
    // tar says that the data is missing, after it has read the size.
    const script = `tar tv 2>/dev/null || true`
    expect(execFileSync('sh', ['-c', script], { input: header, encoding: 'utf8' })).toContain(' 9663676416 ')
  })

  test('a damaged header is none', () => {
    const header = encodeTarHeader(file('base/5/1259', 8192))
    const blankBehindChecksum = 155
    for (let at = 0; at < tarBlockSizeBytes; at++) {
      if (at === blankBehindChecksum) continue
      const damaged = Uint8Array.from(header)
      damaged[at] = (damaged[at] ?? 0) ^ 1
      expect(decodeTarHeader(damaged)).toBeUndefined()
    }
  })

  test.each(['', '5 a=b', '12 path=x\n', '9 path=ab\n', 'x path=a\n', '99999999999 a=b\n'])(
    'pax records %j are damaged or empty',
    text => {
      expect(decodePaxRecords(Buffer.from(text))).toEqual(text === '' ? {} : undefined)
    },
  )
})
