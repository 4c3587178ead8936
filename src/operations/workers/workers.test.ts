/** Copying out, in, and checking, with real threads and a repository in a folder. */
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeTree, makeTree } from '../../../test/support/tree.ts'
import { silentProgress } from '../../base/progress.ts'
import { systemWorld } from '../../base/world.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import { openManifest } from '../../repository/packs/manifest-reader.ts'
import { writeManifest } from '../../repository/packs/manifest-writer.ts'
import { openStorage } from '../../storage/open.ts'
import type { Storage } from '../../storage/storage.ts'
import { checkPacks } from './check/check-packs.ts'
import type { CheckReport } from './check/report.ts'
import { copyIn, type CopyInRequest } from './copy-in/copy-in.ts'
import { copyOut } from './copy-out/copy-out.ts'
import { openLastPack } from './copy-out/last-pack.ts'
import type { WorkerHost } from './crew.ts'
import type { CopyInReport, FinishedPack } from './messages.ts'
import { WorkQueueBuilder } from './work-queue.ts'

const never = new AbortController().signal
const MiB = 1024 * 1024
const world = systemWorld()
const host: WorkerHost = {
  world,
  progress: silentProgress,
  worker: new URL('../../worker.ts', import.meta.url),
}
const backup = 'b'
const keyPrefix = 'c/backups/b/'
const manifestKey = `${keyPrefix}manifest.json.zst.age`

/** Large and small files, empty ones, some hundred in one directory, names of other alphabets. */
const tree = {
  PG_VERSION: Buffer.from('15\n'),
  empty: 0,
  'global/pg_control': 8192,
  'base/5/16384': 5 * MiB + 8192,
  'base/5/16385': 2 * MiB,
  'base/5/größe': MiB - 1,
  ...Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`base/1/${String(i)}`, (i * 37) % 20_000])),
}

let folder = ''
let identity = ''
let encoding = { level: 1, recipients: [''] }
let storage: Storage
let packs: FinishedPack[] = []
const source = (): string => join(folder, 'source')
const description = (): { url: string } => ({ url: `file://${join(folder, 'repository')}` })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-workers-'))
  const keys = await generateIdentity()
  identity = keys.identity
  encoding = { level: 1, recipients: [keys.recipient] }
  makeTree(source(), tree)
  makeTree(join(folder, 'repository'), {})
  chmodSync(join(source(), 'base/1'), 0o750)
  chmodSync(join(source(), 'base/5/16385'), 0o640)
  storage = await openStorage({ ...description(), make: true }, world)
  packs = await backUp(host, never)
})

afterAll(async () => {
  await storage.close()
  rmSync(folder, { recursive: true })
})

const directories = ['global', 'base', 'base/1', 'base/5'].map(path => ({
  path,
  mode: path === 'base/1' ? 0o750 : 0o700,
}))

function queueOfAll(): ReturnType<WorkQueueBuilder['close']> {
  const queue = new WorkQueueBuilder()
  for (const path of Object.keys(tree)) {
    const cut = path.lastIndexOf('/')
    if (path !== 'global/pg_control')
      queue.add(path.slice(0, Math.max(0, cut)), path.slice(cut + 1), lstatSync(join(source(), path)).size)
  }
  return queue.close()
}

async function backUp(on: WorkerHost, signal: AbortSignal): Promise<FinishedPack[]> {
  const common = { modifiedMs: 0, userId: 0, groupId: 0, sizeBytes: 0 }
  const request = {
    dataDirectory: source(),
    storage: description(),
    keyPrefix,
    encoding,
    pages: undefined,
    queue: queueOfAll(),
    entries: directories.map(directory => ({ kind: 'directory', ...directory, ...common }) as const),
    workers: 2,
  }
  const { packs: copied } = await copyOut(on, request, signal)
  const number = 1 + Math.max(...copied.map(pack => pack.number))
  await using last = openLastPack(world, { ...request, storage, number, owner: { userId: 0, groupId: 0 } })
  await last.copy('global/pg_control', signal)
  await last.add(
    {
      path: 'backup_label',
      mode: 0o600,
      sizeBytes: 3 * MiB,
      bytes: [Buffer.alloc(MiB, 1), Buffer.alloc(2 * MiB, 2)],
    },
    signal,
  )
  const all = [...copied, await last.finish()]
  await writeManifest(
    { storage, key: manifestKey, encoding },
    { backup, directories },
    all.map(pack => pack.entries),
    signal,
  )
  return all
}

async function restore(
  name: string,
  more: Partial<CopyInRequest> = {},
  signal = never,
): Promise<{ target: string; report: CopyInReport }> {
  const target = join(folder, name)
  makeTree(target, { placeholder: 0 })
  rmSync(join(target, 'placeholder'))
  const { head, files } = await openManifest({ storage, key: manifestKey, identities: [identity] }, signal)
  const request = {
    backup,
    copies: [{ repository: 'main', storage: description(), keyPrefix, identities: [identity], packs }],
    directories: head.directories,
    files,
    targetDirectory: target,
    synced: [target],
    owner: undefined,
    delta: false,
    workers: 2,
    ...more,
  }
  return { target, report: await copyIn(host, request, signal) }
}

async function check(): Promise<CheckReport> {
  const { files } = await openManifest({ storage, key: manifestKey, identities: [identity] }, never)
  return checkPacks(
    host,
    { storage: description(), keyPrefix, identities: [identity], packs, files, pages: undefined, workers: 2 },
    never,
  )
}

/** Changes a pack in the repository for as long as `during` runs. */
async function withDamage(
  pack: FinishedPack,
  damage: (path: string) => void,
  during: () => Promise<void>,
): Promise<void> {
  const path = join(folder, 'repository', keyPrefix, pack.name)
  const bytes = readFileSync(path)
  damage(path)
  try {
    await during()
  } finally {
    rmSync(path, { force: true })
    writeFileSync(path, bytes)
  }
}

/** On a busy machine one worker may take all files before another one gets its turn. */
const largestPack = (): FinishedPack | undefined => packs.toSorted((a, b) => b.sizeBytes - a.sizeBytes)[0]

function flipByte(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

const fileCount = Object.keys(tree).length + 1

describe('a directory that was copied out', () => {
  test('comes back the same, with directories and modes', async () => {
    const { target, report } = await restore('target')
    const { backup_label: label, ...restored } = describeTree(target)
    expect(restored).toEqual(describeTree(source()))
    expect(label).toMatch(/^600 3145728 /)
    expect(report.files).toBe(fileCount)
  })

  test('comes back in part when asked', async () => {
    const { target, report } = await restore('part', { select: file => file.path.startsWith('base/5/') })
    expect(readdirSync(join(target, 'base/5')).toSorted()).toEqual(['16384', '16385', 'größe'])
    expect(readdirSync(join(target, 'base/1'))).toEqual([])
    expect(report.files).toBe(3)
  })

  test('is put right by a delta, which writes only what is wrong', async () => {
    const { target } = await restore('delta')
    flipByte(join(target, 'base/5/16384'), 4 * MiB)
    truncateSync(join(target, 'base/1/99'), 5)
    rmSync(join(target, 'base/1/100'))
    chmodSync(join(target, 'base/1/101'), 0o644)
    const before = lstatSync(join(target, 'base/5/16385')).mtimeMs
    const { report } = await restore('delta', { delta: true })
    expect(report).toMatchObject({ files: 3, filesKept: fileCount - 3 })
    expect(describeTree(target)).toMatchObject(describeTree(source()))
    expect(lstatSync(join(target, 'base/5/16385')).mtimeMs).toBe(before)
  })

  test('is checked whole', async () => {
    expect(await check()).toMatchObject({ packs: packs.length, files: fileCount, damage: [] })
  })
})

describe('a pack with a changed byte', () => {
  test('is named with the file that it hits, and no other', async () => {
    const pack = largestPack()
    await withDamage(
      pack!,
      path => {
        flipByte(path, Math.floor(pack!.sizeBytes / 2))
      },
      async () => {
        const { damage } = await check()
        expect(damage.every(({ object }) => object === pack!.name)).toBe(true)
        expect(damage.some(({ message }) => message.startsWith('its SHA-256 is'))).toBe(true)
        const paths = damage.flatMap(({ path }) => path ?? [])
        expect(paths.length).toBeGreaterThan(0)
        expect(paths.length).toBeLessThan(fileCount / 2)
      },
    )
  })

  test('is never restored in silence', async () => {
    const pack = largestPack()
    await withDamage(
      pack!,
      path => {
        flipByte(path, Math.floor(pack!.sizeBytes / 2))
      },
      async () => {
        const failure = restore('damaged')
        await expect(failure).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
        await expect(failure).rejects.toThrow(new RegExp(`backup b, ${pack!.name}, file [^ ]+: `))
      },
    )
  })
})

test.each([
  [
    'missing',
    (path: string) => {
      rmSync(path)
    },
  ],
  [
    'cut off',
    (path: string) => {
      truncateSync(path, 1000)
    },
  ],
  [
    'empty',
    (path: string) => {
      truncateSync(path, 0)
    },
  ],
])('a pack that is %s costs its files, and the others are checked', async (_, damage) => {
  const pack = packs[1]!
  await withDamage(pack, damage, async () => {
    const report = await check()
    expect(report.packs).toBe(packs.length)
    expect(report.damage.filter(({ path }) => path === undefined)).toHaveLength(1)
    expect(report.damage.filter(({ path }) => path !== undefined)).toHaveLength(pack.files)
    expect(new Set(report.damage.map(({ object }) => object))).toEqual(new Set([pack.name]))
    expect(report.files).toBe(fileCount - pack.files)
  })
})

describe('a copy that can not go on', () => {
  test('because it is told to stop ends with the reason, and leaves no pack half written', async () => {
    const abort = new AbortController()
    const stopping: WorkerHost = {
      ...host,
      progress: {
        ...silentProgress,
        advance: () => {
          abort.abort(new Error('enough'))
        },
      },
    }
    rmSync(join(folder, 'repository', keyPrefix), { recursive: true })
    await expect(backUp(stopping, abort.signal)).rejects.toThrow('enough')
    expect(readdirSync(join(folder, 'repository/.staging'))).toEqual([])
    packs = await (async () => {
      rmSync(join(folder, 'repository', keyPrefix), { recursive: true, force: true })
      return backUp(host, never)
    })()
  })

  test('because its packs are there already fails as a conflict', async () => {
    await expect(backUp(host, never)).rejects.toMatchObject({ code: 'OBJECT_CONFLICT' })
  })

  test('because the target is no directory says so', async () => {
    writeFileSync(join(folder, 'file'), '')
    const { head, files } = await openManifest({ storage, key: manifestKey, identities: [identity] }, never)
    const request = {
      backup,
      copies: [{ repository: 'main', storage: description(), keyPrefix, identities: [identity], packs }],
      directories: head.directories,
      files,
      targetDirectory: join(folder, 'file'),
      synced: [join(folder, 'file')],
      owner: undefined,
      delta: false,
      workers: 1,
    }
    await expect(copyIn(host, request, never)).rejects.toMatchObject({ code: 'TARGET_DIRECTORY' })
  })

  test('because its worker can not be started fails', async () => {
    const broken = { ...host, worker: new URL('./none.ts', import.meta.url) }
    await expect(backUp(broken, never)).rejects.toMatchObject({ code: 'FAILED' })
  })
})
