/**
 * A repository in a folder.
 *
 * An object is one file. It is written in `.staging/`, synced, given its name by `link()` (which never replaces),
 * and acknowledged when the folders that hold the name are synced, too. A crash at any point leaves either no
 * object or the whole one.
 */
import { mkdir, realpath, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { assert } from '../../base/assert.ts'
import { Fault, errnoOf } from '../../base/fault.ts'
import { ownProcess } from '../../base/process-identity.ts'
import { systemWorld, type World } from '../../base/world.ts'
import { assertKey, rangeOf } from '../key.ts'
import type { Body, ByteRange, ObjectInfo, Storage } from '../storage.ts'
import { copyObject } from './fs/copy.ts'
import { guarded } from './fs/faults.ts'
import { openFolders, parentOf, syncFolder, type Folders } from './fs/folders.ts'
import { infoOf, listObjects } from './fs/list.ts'
import { ownerOf, pathOf, type Place } from './fs/place.ts'
import { isAbsence, missing, readObject } from './fs/reader.ts'
import { sweepStaging } from './fs/staging.ts'
import { openWriter } from './fs/writer.ts'

export interface FsOptions {
  /** Make the folder when it is missing. Only `init` does: a missing folder is most often a disk not mounted. */
  readonly makeRoot?: boolean
  readonly fileMode?: number
  readonly folderMode?: number
  readonly world?: World
}

export async function openFsStorage(root: string, options: FsOptions = {}): Promise<Storage> {
  const place = await openPlace(root, options)
  const folders = openFolders(place)
  let swept: Promise<void> | undefined
  const create: Storage['create'] = async (key, signal) => {
    assertKey(key)
    signal.throwIfAborted()
    await (swept ??= sweepStaging(place))
    await assertPresent(place)
    return openWriter(place, folders, key, signal)
  }
  return {
    location: `file://${place.root}`,
    create,
    put: (key, body, signal) => putBody(create, key, body, signal),
    get: (key, range, signal) => getObject(place, key, range, signal),
    stat: (key, signal) => statObject(place, key, signal),
    async *list(what, signal) {
      const range = rangeOf(what)
      await assertPresent(place)
      yield* listObjects(place, range, signal)
    },
    delete: (keys, signal) => deleteObjects(place, folders, keys, signal),
    retain: key => Promise.reject(withoutLocks(key, place.root)),
    traits: () => Promise.resolve({ versioned: false, lockable: false }),
    copying: {
      async copy(from, to, _, signal) {
        assertKey(from)
        assertKey(to)
        signal.throwIfAborted()
        await (swept ??= sweepStaging(place))
        await assertPresent(place)
        return copyObject(place, folders, from, to, signal)
      },
    },
    close: () => Promise.resolve(),
  }
}

function withoutLocks(key: string, root: string): Fault {
  return new Fault(
    'STORAGE_UNSUPPORTED',
    `${key} can not be locked: ${root} is a folder, and folders have no locks`,
    {
      hint: 'Take `lock` out of the configuration of this repository, or keep it in object storage.',
    },
  )
}

async function openPlace(root: string, options: FsOptions): Promise<Place> {
  const folderMode = options.folderMode ?? 0o700
  return guarded('open', root, async () => {
    if (options.makeRoot === true) await makeRoot(root, folderMode)
    else await assertRoot(root)
    return {
      root: await realpath(root),
      fileMode: options.fileMode ?? 0o600,
      folderMode,
      owner: await ownerOf(root),
      self: await ownProcess(),
      world: options.world ?? systemWorld(),
    }
  })
}

async function makeRoot(root: string, mode: number): Promise<void> {
  const first = await mkdir(root, { recursive: true, mode })
  if (first === undefined) return
  const top = await realpath(first)
  for (let at = await realpath(root); at.startsWith(top); at = dirname(at)) await syncFolder(dirname(at))
}

async function assertRoot(root: string): Promise<void> {
  const info = await stat(root).catch((error: unknown) => {
    if (isAbsence(error)) return undefined
    throw error
  })
  if (info?.isDirectory() === true) return
  throw new Fault('REPOSITORY_MISSING', `there is no folder ${root}`, {
    hint: 'Mount the disk that holds the repository, or make a new repository with holdfast init.',
  })
}

/**
 * "There is no such object" and "the disk is gone" are different answers: PostgreSQL takes the first as the end of
 * the WAL. So whenever something is missing, the top of the repository has to be there.
 */
async function assertPresent(place: Place): Promise<void> {
  const info = await guarded('look at', place.root, () => stat(place.root)).catch((error: unknown) => {
    if (isAbsence(error)) return undefined
    throw error
  })
  if (info?.isDirectory() === true) return
  throw new Fault('STORAGE_UNAVAILABLE', `the folder ${place.root} is gone`, {
    hint: 'Mount the disk that holds the repository again.',
  })
}

async function putBody(
  create: Storage['create'],
  key: string,
  body: Body,
  signal: AbortSignal,
): Promise<'written' | 'taken'> {
  const writer = await create(key, signal)
  try {
    let sizeBytes = 0
    for await (const piece of body.open()) {
      sizeBytes += piece.length
      await writer.write(piece)
    }
    assert(
      sizeBytes === body.sizeBytes,
      `the body of ${key} has the ${String(body.sizeBytes)} bytes it promised`,
    )
    return await writer.commit()
  } catch (error) {
    await writer.abort().catch(() => undefined)
    throw error
  }
}

async function* getObject(
  place: Place,
  key: string,
  range: ByteRange | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  assertKey(key)
  try {
    yield* readObject(pathOf(place, key), range, signal)
  } catch (error) {
    if (!isAbsence(error)) throw error
    await assertPresent(place)
    throw missing(pathOf(place, key), error)
  }
}

async function statObject(place: Place, key: string, signal: AbortSignal): Promise<ObjectInfo | undefined> {
  assertKey(key)
  signal.throwIfAborted()
  const info = await infoOf(place, key)
  if (!info) await assertPresent(place)
  return info
}

async function deleteObjects(
  place: Place,
  folders: Folders,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const touched = new Set<string>()
  for (const key of keys) {
    assertKey(key)
    signal.throwIfAborted()
    const path = pathOf(place, key)
    await guarded('delete', path, async () => {
      await unlink(path).catch(unlessAbsent)
    })
    touched.add(parentOf(key))
  }
  for (const folder of touched) {
    await guarded('sync', pathOf(place, folder), () => folders.sync(folder).catch(unlessAbsent))
    await folders.prune(folder)
  }
}

function unlessAbsent(error: unknown): void {
  if (!['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) throw error
}
