import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  copyDeps,
  damage,
  emptyPlace,
  labSignal as signal,
  openMemorySide,
  withRepository,
  type MemorySide,
} from '../../../test/fakes/copy-lab.ts'
import { putDump } from '../../../test/fakes/stored-dumps.ts'
import { randomFrom } from '../../../test/support/random.ts'
import { Fault } from '../../base/fault.ts'
import { silentProgress } from '../../base/progress.ts'
import { MiB } from '../../base/units.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import { storeStream } from '../../repository/stored-stream.ts'
import type { Storage } from '../../storage/storage.ts'
import { copyRepository } from '../copy/copy.ts'
import { DumpReader } from '../restore-dump/dump-reader.ts'
import { readAllDumps, readDumpCopies } from '../sources/dumps.ts'
import type { Source } from '../sources/source.ts'
import { TroubleLog } from '../sources/trouble.ts'
import { chooseDumped, fetchFile } from './fetch.ts'

const [mine, theirs] = await Promise.all([generateIdentity(), generateIdentity()])
const id = '20260301T030000Z-dump'
const name = 'parts/00001.dump.zst.age'
/** Several frames. */
const random = randomFrom(1)
const content = Buffer.from(Uint8Array.from({ length: 3 * MiB }, () => random.integer(0, 255)))
const folder = mkdtempSync(join(tmpdir(), 'holdfast-fetch-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

describe('fetching from several repositories', () => {
  test('goes on at the very byte where one broke off, and says so', async () => {
    const { main, copy } = await scene()
    const { bytes, told } = await fetched('broke-off', [{ ...main, storage: breaking(main.storage) }, copy])
    expect(bytes.equals(content)).toBe(true)
    expect(told).toMatchObject([
      {
        repository: 'main',
        code: 'STORAGE_UNAVAILABLE',
        instead: 'second',
        object: `gathr/dumps/${id}/${name}`,
      },
    ])
  })

  test('takes what is damaged in one from the other, which may be sealed to others', async () => {
    const { main, copy } = await scene()
    await damage(main.storage, `gathr/dumps/${id}/${name}`, 0.6)
    const { bytes, told } = await fetched('damaged', [main, copy])
    expect(bytes.equals(content)).toBe(true)
    expect(told).toMatchObject([{ repository: 'main', code: 'OBJECT_CORRUPT', instead: 'second' }])
  })

  test('leaves no file when nobody has it whole, and names both', async () => {
    const { main, copy } = await scene()
    for (const side of [main, copy]) await damage(side.storage, `gathr/dumps/${id}/${name}`, 0.6)
    await expect(fetched('nowhere', [main, copy])).rejects.toThrow(
      /no repository could give .*main: .*second: /s,
    )
    expect(() => readFileSync(join(folder, 'nowhere'))).toThrow('ENOENT')
  })
})

describe('an object that opens, and is not the one that was written', () => {
  /** Sealed to the same key by somebody else, which takes no secret. */
  const forge = async ({ repository, storage, recipients }: MemorySide): Promise<void> => {
    const key = `gathr/dumps/${id}/${name}`
    await storage.delete([key], signal)
    const place = { storage: repository.storage, key, encoding: { level: 1, recipients } }
    await storeStream(place, once(content.map(byte => byte ^ 1)), signal)
  }

  test('is found by its hash in the end, and leaves no file', async () => {
    const { main } = await scene()
    await forge(main)
    await expect(fetched('forged', [main])).rejects.toThrow(
      /^gathr\/dumps\/.* is damaged: its SHA-256 is not the one/,
    )
    expect(() => readFileSync(join(folder, 'forged'))).toThrow('ENOENT')
  })

  test('is never mixed with what another repository has', async () => {
    const { main, copy } = await scene()
    await forge(main)
    const fetching = fetched('mixed', [{ ...main, storage: breaking(main.storage) }, copy])
    await expect(fetching).rejects.toThrow(/second: .* begins with other bytes than what another repository/)
    expect(() => readFileSync(join(folder, 'mixed'))).toThrow('ENOENT')
  })
})

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function fetched(file: string, sides: readonly MemorySide[]) {
  const troubles = new TroubleLog()
  const sources = sides.map(sourceOf)
  const [known] = (await readAllDumps(sources, signal)).dumps
  if (!known) throw new Error('the dump is listed')
  const copies = await readDumpCopies(known, troubles, signal)
  using reader = new DumpReader(copies, troubles)
  const [object] = chooseDumped(copies[0].record, 'gathr').objects
  if (!object) throw new Error('the database has an object')
  const path = join(folder, file)
  await fetchFile({ reader, progress: silentProgress }, object, path, signal)
  return { bytes: readFileSync(path), told: troubles.all() }
}

function sourceOf({ name: side, repository, storage, identities, recipients }: MemorySide): Source {
  return {
    name: side,
    repository: { ...repository, storage },
    storage: { url: `memory:${side}` },
    encoding: { level: 1, recipients },
    identities,
  }
}

async function scene(): Promise<{ main: MemorySide; copy: MemorySide }> {
  const main = await openMemorySide('main', mine)
  await putDump(main, id, {}, () => content)
  const place = emptyPlace('second', theirs)
  const all = { ids: undefined, wal: true, backups: true, dumps: true, dryRun: false }
  expect((await copyRepository(copyDeps(main, place), all, signal)).problems).toEqual([])
  return { main, copy: await withRepository(place) }
}

/** Of a long object gives the first half. */
function breaking(inner: Storage): Storage {
  return {
    ...inner,
    async *get(key, range, stop) {
      const sizeBytes = range
        ? range.endBytes - range.startBytes
        : ((await inner.stat(key, stop))?.sizeBytes ?? 0)
      let left = sizeBytes > MiB ? sizeBytes / 2 : Infinity
      for await (const piece of inner.get(key, range, stop)) {
        yield piece.subarray(0, left)
        left -= piece.length
        if (left <= 0) throw new Fault('STORAGE_UNAVAILABLE', 'the line is cut', { hint: 'Mend it.' })
      }
    },
  }
}
