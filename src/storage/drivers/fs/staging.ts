/**
 * Where objects are written before they are published: `.staging/`, in the repository's own file system.
 *
 * A file there is named after the process that writes it, so that the next process that writes can tell what a
 * dead one left behind and remove it. Nothing in there is ever listed or read as an object.
 */
import { lstat, open, readdir, unlink, type FileHandle } from 'node:fs/promises'
import { limits } from '../../../base/limits.ts'
import { isProvablyDead, type ProcessIdentity } from '../../../base/process-identity.ts'
import type { Folders } from './folders.ts'
import { pathOf, stagingName, type Place } from './place.ts'

export interface StagedFile {
  readonly path: string
  readonly handle: FileHandle
}

export async function openStaged(place: Place, folders: Folders): Promise<StagedFile> {
  await folders.make(stagingName)
  const path = pathOf(place, `${stagingName}/${stagedName(place)}`)
  const handle = await open(path, 'wx', place.fileMode)
  try {
    if (place.owner) await handle.chown(place.owner.uid, place.owner.gid)
    return { path, handle }
  } catch (error) {
    await handle.close()
    await unlink(path)
    throw error
  }
}

/** Removes what dead writers left: proven dead on this machine, or untouched for longer than any writer pauses. */
export async function sweepStaging(place: Place): Promise<void> {
  const folder = pathOf(place, stagingName)
  for (const name of await readdir(folder).catch(() => [])) {
    const path = `${folder}/${name}`
    if (await isLeftBehind(place, name, path)) await unlink(path).catch(() => undefined)
  }
}

async function isLeftBehind({ world }: Place, name: string, path: string): Promise<boolean> {
  const writer = writerOf(name)
  if (writer && (await isProvablyDead(writer))) return true
  const info = await lstat(path).catch(() => undefined)
  return info !== undefined && world.clock.now() - info.mtimeMs > limits.sweepGraceMs
}

function stagedName({ self, world }: Place): string {
  const token = Buffer.from(world.randomBytes(12)).toString('hex')
  return `${String(self.pid)}_${self.startTicks}_${self.pidNamespace}_${self.bootId}_${token}`
}

function writerOf(name: string): ProcessIdentity | undefined {
  const [pid, startTicks, pidNamespace, bootId] = name.split('_')
  if (
    !/^\d+$/.test(pid ?? '') ||
    startTicks === undefined ||
    pidNamespace === undefined ||
    bootId === undefined
  )
    return undefined
  return { pid: Number(pid), startTicks, pidNamespace, bootId }
}
