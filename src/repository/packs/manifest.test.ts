import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { generateIdentity } from '../../pipeline/age.ts'
import { decodeStream, encodeStream } from '../../pipeline/codec.ts'
import { openMemoryStorage } from '../../storage/drivers/memory.ts'
import { bodyOf, type Storage } from '../../storage/storage.ts'
import { decodeManifestFile, encodeManifestFile } from '../format/manifest-lines.ts'
import type { ManifestFile, ManifestHead } from '../format/manifest.ts'
import { EntryLogWriter, readEntryLines } from './entry-log.ts'
import { openManifest } from './manifest-reader.ts'
import { writeManifest } from './manifest-writer.ts'

const never = new AbortController().signal
const key = 'c/backups/b/manifest.json.zst'
const head: ManifestHead = {
  backup: 'b',
  directories: [
    { path: 'base', mode: 0o700 },
    { path: 'base/5', mode: 0o750 },
  ],
}

const file = (i: number): ManifestFile => ({
  path: `base/5/${String(i)}`,
  sizeBytes: i * 8192,
  modifiedMs: 1_772_330_400_000 + i,
  mode: 0o600,
  crc32c: (i * 2_654_435_761) >>> 0,
  pack: 1 + (i % 2),
  offsetBytes: i * 10_000,
})

async function write(
  files: readonly ManifestFile[],
  recipients: readonly string[],
  given = head,
): Promise<Storage> {
  const storage = openMemoryStorage({ now: () => 0 })
  const logs = [1, 2].map(pack => {
    const log = new EntryLogWriter()
    for (const entry of files) if (entry.pack === pack) log.add(encodeManifestFile(entry))
    return log.take()
  })
  await writeManifest({ storage, key, encoding: { level: 3, recipients } }, given, logs, never)
  return storage
}

async function read(
  storage: Storage,
  identities: readonly string[] = [],
): Promise<{ head: ManifestHead; files: ManifestFile[] }> {
  const manifest = await openManifest({ storage, key, identities }, never)
  const files: ManifestFile[] = []
  for await (const group of manifest.files) files.push(...group)
  return { head: manifest.head, files }
}

const byPack = (files: readonly ManifestFile[]): ManifestFile[] => files.toSorted((a, b) => a.pack - b.pack)

async function textOf(storage: Storage): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const piece of decodeStream(storage.get(key, undefined, never), []))
    parts.push(Uint8Array.from(piece))
  return Buffer.concat(parts).toString()
}

async function withText(text: string): Promise<Storage> {
  const storage = openMemoryStorage({ now: () => 0 })
  const plain = (async function* () {
    yield Buffer.from(text)
  })()
  const parts: Uint8Array[] = []
  for await (const piece of encodeStream(plain, { level: 1, recipients: [] }))
    parts.push(Uint8Array.from(piece))
  await storage.put(key, bodyOf(Buffer.concat(parts)), never)
  return storage
}

describe('a manifest', () => {
  test.each([0, 1, 2, 3, 20_000])('of %i files is read as it was written', async count => {
    const files = Array.from({ length: count }, (_, i) => file(i))
    const { identity, recipient } = await generateIdentity()
    expect(await read(await write(files, [recipient]), [identity])).toEqual({ head, files: byPack(files) })
  })

  test('without directories is read as it was written', async () => {
    const empty: ManifestHead = { backup: 'b', directories: [] }
    expect(await read(await write([file(1)], [], empty))).toEqual({ head: empty, files: [file(1)] })
  })

  test('is one JSON document', async () => {
    const document: unknown = JSON.parse(await textOf(await write([file(1), file(2)], [])))
    expect(document).toMatchObject({
      format: 1,
      backup: 'b',
      directories: head.directories,
      files: [{ path: 'base/5/2' }, { path: 'base/5/1', crc32c: '9e3779b1' }],
    })
  })

  test('that lacks its end, or has something behind it, is refused', async () => {
    const text = await textOf(await write([file(1), file(2)], []))
    for (const damaged of [
      text.slice(0, -3),
      text.slice(0, 60),
      '',
      `${text}x\n`,
      text.replace('"sizeBytes":8192', '"sizeBytes":-1'),
    ]) {
      await expect(withText(damaged).then(read)).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
    }
  })

  test('of another format is refused', async () => {
    const text = await textOf(await write([file(1)], []))
    await expect(withText(text.replace('"format":1', '"format":2')).then(read)).rejects.toThrow('format 1')
  })

  test.each(['../etc/passwd', '/etc/passwd', 'base/../../x', 'base//x', './x', '', 'a\0b'])(
    'that names the path %j is refused: it would leave the directory',
    path => {
      expect(decodeManifestFile(encodeManifestFile({ ...file(1), path }))).toBeUndefined()
    },
  )

  test('gives back every path that a file can have', () => {
    const part = fc
      .string({ unit: 'binary', minLength: 1 })
      .filter(text => !/[/\0]|^\.{1,2}$/.test(text) && text.isWellFormed())
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), parts => {
        const entry = { ...file(1), path: parts.join('/') }
        const line = encodeManifestFile(entry)
        expect(line).not.toContain('\n')
        expect(decodeManifestFile(line)).toEqual(entry)
      }),
    )
  })
})

test('an entry log gives back its lines, and is small', () => {
  const log = new EntryLogWriter()
  const lines = Array.from({ length: 50_000 }, (_, i) => encodeManifestFile(file(i)))
  for (const line of lines) log.add(line)
  const pieces = log.take()
  expect([...readEntryLines(pieces)]).toEqual(lines)
  expect(pieces.reduce((sum, piece) => sum + piece.length, 0)).toBeLessThan(50_000 * 25)
  expect(log.take()).toEqual([])
})
