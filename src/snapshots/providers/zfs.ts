/** ZFS: snapshots of datasets; clones of them come back. */
import { join } from 'node:path'
import { isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Clock, World } from '../../base/world.ts'
import { takeAll } from '../all-or-nothing.ts'
import type { SnapshotSettings } from '../description.ts'
import { isDirectory } from '../folders.ts'
import { mountOf, readMounts, type Mount } from '../mounts.ts'
import type { FoundSnapshot, SnapshotCluster, SnapshotProvider, Tree, Volume } from '../provider.ts'
import { runProgram, runWell, type RunProgram } from '../run-program.ts'
import { assertNothingMounted, gatherVolumes, unsupported } from '../volumes.ts'

type Zfs = (words: readonly string[], signal: AbortSignal) => Promise<string>

export function openZfs(
  settings: SnapshotSettings,
  { clock }: World,
  run: RunProgram = runProgram,
): SnapshotProvider {
  const zfs: Zfs = (words, signal) => {
    const [first = 'zfs', ...rest] = [...settings.prefix, 'zfs', ...words]
    return runWell(run, { words: [first, ...rest], timeLimitMs: settings.timeLimitMs }, signal)
  }
  const remove = async (reference: string, signal: AbortSignal): Promise<void> => {
    if ((await sizeOf(zfs, reference, signal)) !== undefined) await zfs(['destroy', reference], signal)
  }
  return {
    name: 'zfs',
    restores: 'volumes',
    volumesOf: async (trees, signal) => {
      const mounts = await readMounts()
      const datasets = await datasetsByMount(zfs, signal)
      return gatherVolumes(trees, tree => Promise.resolve(datasetOf(mounts, datasets, tree, trees)))
    },
    create: async (request, signal) => {
      signal.throwIfAborted()
      const referenceOf = ({ source, name }: Volume): string =>
        `${source}@${namePrefix(request)}${request.repository}_${request.id}_${name}`
      return takeAll(
        request,
        {
          take: async (volume, stop) => {
            const reference = referenceOf(volume)
            await zfs(['snapshot', reference], stop)
            const sizeBytes = await sizeOf(zfs, reference, stop)
            return { volume: volume.name, reference, sizeBytes, details: { mountPath: volume.mountPath } }
          },
          undo: (volume, stop) => remove(referenceOf(volume), stop),
        },
        signal,
      )
    },
    list: async (owner, _, signal) =>
      (await zfs(['list', '-H', '-t', 'snapshot', '-o', 'name'], signal))
        .split('\n')
        .flatMap(reference => found(owner, reference.trim()) ?? []),
    describe: async ({ reference }, signal) => {
      const sizeBytes = await sizeOf(zfs, reference, signal)
      return sizeBytes === undefined ? undefined : { state: 'ready', sizeBytes }
    },
    restore: async ({ snapshot: { reference }, to }, signal) => {
      const dataset = cloneName(reference, to)
      await zfs(['clone', '-o', `mountpoint=${to}`, reference, dataset], signal)
      return {
        what: `the clone ${dataset}, mounted at ${to}`,
        volume: dataset,
        discard: stop => destroyClone(zfs, dataset, clock, stop),
      }
    },
    discard: async ({ snapshot: { reference }, to }, signal) => {
      const dataset = cloneName(reference, to)
      if (await hasDataset(zfs, dataset, signal)) await destroyClone(zfs, dataset, clock, signal)
    },
    remove: ({ reference }, signal) => remove(reference, signal),
    readablePath: async ({ reference, details }) => {
      const path = join(details['mountPath'] ?? '/', '.zfs/snapshot', reference.split('@')[1] ?? '')
      return (await isDirectory(path)) ? path : undefined
    },
    close: () => Promise.resolve(),
  }
}

/** Names of snapshots may have letters, digits, and `-_.:`. */
const namePrefix = ({ cluster, systemIdentifier }: SnapshotCluster): string =>
  `holdfast_${cluster}:${systemIdentifier}:`

function found(owner: SnapshotCluster, reference: string): FoundSnapshot | undefined {
  const [, name = ''] = reference.split('@')
  if (!name.startsWith(namePrefix(owner))) return undefined
  const [repository, id, volume] = name.slice(namePrefix(owner).length).split('_')
  return id === undefined || volume === undefined ? undefined : { id, volume, reference, repository }
}

async function datasetsByMount(zfs: Zfs, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const lines = (await zfs(['list', '-H', '-t', 'filesystem', '-o', 'mountpoint,name'], signal)).split('\n')
  return new Map(
    lines.flatMap(line => {
      const [path, name] = line.split('\t')
      return path === undefined || name === undefined ? [] : [[path, name] as const]
    }),
  )
}

/** Where a file system of ZFS is not told as such (zfs-fuse), the dataset that is mounted at the same place counts. */
function datasetOf(
  mounts: readonly Mount[],
  datasets: ReadonlyMap<string, string>,
  tree: Tree,
  trees: readonly Tree[],
): Pick<Volume, 'source' | 'mountPath' | 'fileSystem'> {
  const mount = mountOf(mounts, tree.path)
  const dataset =
    mount && (datasets.get(mount.path) ?? [...datasets.values()].find(name => name === mount.source))
  if (!mount || dataset === undefined)
    throw unsupported(
      `${tree.path} lies on ${mount ? `${mount.fileSystem} (${mount.source})` : 'an unknown file system'}, which is no dataset of ZFS`,
      'Name the provider that fits its file system in snapshots.provider.',
    )
  assertNothingMounted(mounts, tree, trees)
  return { source: dataset, mountPath: mount.path, fileSystem: 'zfs' }
}

/**
 * What it refers to; undefined when it does not exist. That is believed of the list of snapshots alone: who takes one for gone
 * never removes it, and the word of a single question was wrong on a busy host (zfs-fuse).
 */
async function sizeOf(zfs: Zfs, reference: string, signal: AbortSignal): Promise<number | undefined> {
  if (!(await isListed(zfs, reference, signal))) return undefined
  try {
    const size = Number(await zfs(['get', '-H', '-p', '-o', 'value', 'referenced', reference], signal))
    return Number.isSafeInteger(size) ? size : 0
  } catch (error) {
    if (!isAbsence(error) || (await isListed(zfs, reference, signal))) throw error
    return undefined
  }
}

async function isListed(zfs: Zfs, reference: string, signal: AbortSignal): Promise<boolean> {
  const [dataset = ''] = reference.split('@')
  try {
    const names = await zfs(['list', '-H', '-t', 'snapshot', '-o', 'name', '-r', dataset], signal)
    return names.split('\n').some(name => name.trim() === reference)
  } catch (error) {
    if (isAbsence(error)) return false
    throw error
  }
}

/** By the list, too. */
async function hasDataset(zfs: Zfs, dataset: string, signal: AbortSignal): Promise<boolean> {
  const names = await zfs(['list', '-H', '-t', 'filesystem', '-o', 'name'], signal)
  return names.split('\n').some(name => name.trim() === dataset)
}

const isAbsence = (error: unknown): boolean =>
  isFault(error, 'SNAPSHOT_FAILED') && /does not exist/.test(error.message)

/** In the same pool, which clones have to be; told from the place, so that nobody makes two for one. */
function cloneName(reference: string, to: string): string {
  const [pool = ''] = reference.split(/[/@]/)
  return `${pool}/holdfast-restored${to.replaceAll(/[^A-Za-z0-9.-]/g, '_')}`
}

/** It is unmounted by that, which zfs-fuse does in the background: until then it is busy. */
async function destroyClone(zfs: Zfs, dataset: string, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let triesLeft: number = limits.unmountTriesMax; ; triesLeft--) {
    try {
      await zfs(['destroy', dataset], signal)
      return
    } catch (error) {
      if (triesLeft === 0 || !isFault(error, 'SNAPSHOT_FAILED') || !/is busy/.test(error.message)) throw error
      await clock.sleep(limits.unmountPauseMs, signal)
    }
  }
}
