/** LVM: thin snapshots of thin volumes. Making one freezes the file system for a moment, which the kernel does by itself. */
import { createHash } from 'node:crypto'
import { mkdir, rmdir } from 'node:fs/promises'
import { isFault, messageOf } from '../../base/fault.ts'
import { takeAll } from '../all-or-nothing.ts'
import type { SnapshotSettings } from '../description.ts'
import { mountOf, readMounts, type Mount } from '../mounts.ts'
import type {
  RestoreRequest,
  RestoredPlace,
  SnapshotCluster,
  SnapshotOwner,
  SnapshotProvider,
  Volume,
} from '../provider.ts'
import { runProgram, runWell, type RunProgram } from '../run-program.ts'
import { assertNothingMounted, gatherVolumes, unsupported } from '../volumes.ts'

type Lvm = (words: readonly [string, ...string[]], signal: AbortSignal) => Promise<string>

export function openLvm(
  settings: SnapshotSettings,
  run: RunProgram = runProgram,
  mountsOf: () => Promise<readonly Mount[]> = readMounts,
): SnapshotProvider {
  const lvm: Lvm = (words, signal) => {
    const [first = words[0], ...rest] = [...settings.prefix, ...words]
    return runWell(run, { words: [first, ...rest], timeLimitMs: settings.timeLimitMs }, signal)
  }
  const remove = async (reference: string, signal: AbortSignal): Promise<void> => {
    if ((await volumeAt(lvm, reference, signal)) !== undefined)
      await lvm(['lvremove', '--yes', reference], signal)
  }
  return {
    name: 'lvm',
    restores: 'volumes',
    volumesOf: async (trees, signal) => {
      const mounts = await mountsOf()
      return gatherVolumes(trees, async tree => {
        const mount = mountOf(mounts, tree.path)
        const volume = mount?.source.startsWith('/dev/')
          ? await volumeAt(lvm, mount.source, signal)
          : undefined
        if (!mount || !volume)
          throw unsupported(
            `${tree.path} lies on ${mount?.source ?? 'an unknown device'}, which is no logical volume`,
            'Name the provider that fits its volume in snapshots.provider.',
          )
        if (!volume.isThin)
          throw unsupported(
            `the logical volume ${volume.name} is not a thin one`,
            'Only thin volumes have snapshots that cost nothing while they are kept: see lvmthin(7).',
          )
        assertNothingMounted(mounts, tree, trees)
        return { source: volume.name, mountPath: mount.path, fileSystem: mount.fileSystem }
      })
    },
    create: async (request, signal) => {
      signal.throwIfAborted()
      const nameOf = (volume: Volume): string => snapshotName(request, request.id, volume.name)
      const referenceOf = (volume: Volume): string => `${groupOf(volume.source)}/${nameOf(volume)}`
      return takeAll(
        request,
        {
          take: async (volume, stop) => {
            const tags = tagsOf(request, request.id, volume.name).flatMap(tag => ['--addtag', tag])
            await lvm(['lvcreate', '--snapshot', '--name', nameOf(volume), ...tags, volume.source], stop)
            const made = await volumeAt(lvm, referenceOf(volume), stop)
            const sizeBytes = made?.sizeBytes
            return { volume: volume.name, reference: referenceOf(volume), sizeBytes, details: {} }
          },
          undo: (volume, stop) => remove(referenceOf(volume), stop),
        },
        signal,
      )
    },
    list: async (owner, _, signal) => {
      const volumes = await report(lvm, [`@${ownerTag(owner)}`], signal)
      return volumes.flatMap(({ name, tags }) => {
        const [id, volume, repository] = ['id', 'volume', 'repository']
          .map(what => `holdfast.${what}=`)
          .map(start => tags.find(tag => tag.startsWith(start))?.slice(start.length))
        return id === undefined || volume === undefined ? [] : [{ id, volume, reference: name, repository }]
      })
    },
    describe: async ({ reference }, signal) => {
      const volume = await volumeAt(lvm, reference, signal)
      return volume && { state: 'ready', sizeBytes: volume.sizeBytes }
    },
    restore: (request, signal) => restore(lvm, request, signal),
    discard: (request, signal) => discardLeft(lvm, mountsOf, request, signal),
    remove: ({ reference }, signal) => remove(reference, signal),
    close: () => Promise.resolve(),
  }
}

interface LogicalVolume {
  /** `group/volume`. */
  readonly name: string
  readonly isThin: boolean
  readonly tags: readonly string[]
  readonly sizeBytes: number
}

async function report(
  lvm: Lvm,
  selection: readonly string[],
  signal: AbortSignal,
): Promise<readonly LogicalVolume[]> {
  const fields = 'vg_name,lv_name,pool_lv,lv_tags,lv_size'
  const format = ['--reportformat', 'json', '--units', 'b', '--nosuffix', '--options', fields]
  return parseReport(await lvm(['lvs', ...format, ...selection], signal))
}

/** Of `lvs --reportformat json`. */
export function parseReport(text: string): readonly LogicalVolume[] {
  const { report: parts } = JSON.parse(text) as {
    report?: readonly { lv?: readonly Readonly<Record<string, string>>[] }[]
  }
  return (parts ?? [])
    .flatMap(({ lv }) => lv ?? [])
    .map(row => ({
      name: `${row['vg_name'] ?? ''}/${row['lv_name'] ?? ''}`,
      isThin: (row['pool_lv'] ?? '') !== '',
      tags: (row['lv_tags'] ?? '').split(',').filter(tag => tag !== ''),
      sizeBytes: Number(row['lv_size'] ?? 0),
    }))
}

/** By its device or its name; undefined when there is none. */
async function volumeAt(lvm: Lvm, which: string, signal: AbortSignal): Promise<LogicalVolume | undefined> {
  try {
    return (await report(lvm, [which], signal))[0]
  } catch (error) {
    if (isFault(error, 'SNAPSHOT_FAILED') && /Failed to find|not found/i.test(error.message)) return undefined
    throw error
  }
}

const groupOf = (volume: string): string => volume.split('/')[0] ?? ''

/** The name has to be different in its group, and has at most 127 characters; the tags say whose it is. */
function snapshotName(owner: SnapshotOwner, id: string, volume: string): string {
  const hash = createHash('sha256')
    .update(`${ownerTag(owner)} ${owner.repository}`)
    .digest('hex')
    .slice(0, 8)
  return `holdfast-${id}-${volume}-${hash}`
}

const ownerTag = ({ cluster, systemIdentifier }: SnapshotCluster): string =>
  `holdfast.of=${cluster}:${systemIdentifier}`

const tagsOf = (owner: SnapshotOwner, id: string, volume: string): readonly string[] => [
  ownerTag(owner),
  `holdfast.repository=${owner.repository}`,
  `holdfast.id=${id}`,
  `holdfast.volume=${volume}`,
]

/** Told from the place: its end, which tells places apart, has to stay. */
const restoredName = (to: string): string =>
  `holdfast-restored${to.replaceAll(/[^A-Za-z0-9.-]/g, '_').slice(-100)}`

async function discardLeft(
  lvm: Lvm,
  mountsOf: () => Promise<readonly Mount[]>,
  { snapshot: { reference }, to }: RestoreRequest,
  signal: AbortSignal,
): Promise<void> {
  if ((await mountsOf()).some(({ path }) => path === to)) await lvm(['umount', to], signal)
  const volume = `${groupOf(reference)}/${restoredName(to)}`
  if (await volumeAt(lvm, volume, signal)) await lvm(['lvremove', '--yes', volume], signal)
}

/** A snapshot of the snapshot that can be written, mounted. */
async function restore(
  lvm: Lvm,
  { snapshot: { reference }, fileSystem, to }: RestoreRequest,
  signal: AbortSignal,
): Promise<RestoredPlace> {
  const name = restoredName(to)
  const volume = `${groupOf(reference)}/${name}`
  const undo: (() => Promise<unknown>)[] = []
  const discard = async (stop: AbortSignal): Promise<void> => {
    for (const step of undo.toReversed()) await step()
    stop.throwIfAborted()
  }
  const after = new AbortController().signal
  try {
    await lvm(['lvcreate', '--snapshot', '--setactivationskip', 'n', '--name', name, reference], signal)
    undo.push(() => lvm(['lvremove', '--yes', volume], after))
    await lvm(['lvchange', '--activate', 'y', volume], signal)
    await mkdir(to)
    undo.push(() => rmdir(to))
    // Its UUID is that of the original, which is mounted, too.
    const options = fileSystem === 'xfs' ? ['-o', 'nouuid'] : []
    await lvm(['mount', ...options, `/dev/${volume}`, to], signal)
    undo.push(() => lvm(['umount', to], after))
  } catch (error) {
    await discard(after).catch((left: unknown) => {
      throw new Error(`${messageOf(error)}; and ${messageOf(left)}`, { cause: error })
    })
    throw error
  }
  return { what: `the new thin volume ${volume}, mounted at ${to}`, volume, discard }
}
