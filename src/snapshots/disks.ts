/**
 * Disks of a cloud as this host sees them: which one a device lies on, what it is called, when a new one has appeared, and
 * mounting it.
 */
import { mkdir, readFile, readdir, realpath, rmdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf, isFault } from '../base/fault.ts'
import { readMounts, type Mount } from './mounts.ts'
import { runProgram, runWell, type RunProgram } from './run-program.ts'

export interface Disk {
  /** `nvme1n1`, `sdb`. */
  readonly name: string
  /** Empty: the file system lies on the whole disk. */
  readonly partition: string
  /** As the disk itself says; NVMe disks of EC2 have the id of their volume there. */
  readonly serial: string | undefined
}

export interface DiskHost {
  mounts(): Promise<readonly Mount[]>
  /** Undefined: what a file system is mounted from lies on no single disk (LVM, RAID, encryption), or on none that is known. */
  diskOf(source: string): Promise<Disk | undefined>
  /** All disks that are attached now. */
  disks(): Promise<readonly Disk[]>
  /** The names under /dev/disk/by-id, and the disk that each stands for. */
  names(): Promise<ReadonlyMap<string, string>>
  /** Makes the folder, and mounts a device there. */
  mount(device: string, fileSystem: string, to: string, signal: AbortSignal): Promise<void>
  /** And removes the folder. */
  unmount(to: string, signal: AbortSignal): Promise<void>
}

export interface DiskHostOptions {
  /** Put before `mount` and `umount`. */
  readonly prefix: readonly string[]
  readonly timeLimitMs: number
  readonly run?: RunProgram
  readonly sys?: string
  readonly dev?: string
}

export function diskHost({
  prefix,
  timeLimitMs,
  run = runProgram,
  sys = '/sys',
  dev = '/dev',
}: DiskHostOptions): DiskHost {
  const program = (words: readonly [string, ...string[]], signal: AbortSignal): Promise<string> => {
    const [first = words[0], ...rest] = [...prefix, ...words]
    return runWell(run, { words: [first, ...rest], timeLimitMs }, signal)
  }
  return {
    mounts: readMounts,
    async diskOf(source) {
      if (!source.startsWith('/dev/')) return undefined
      const device = basename(await realpath(source).catch(() => source))
      return diskAt(join(sys, 'class/block'), device)
    },
    async disks() {
      const folder = join(sys, 'class/block')
      const names = await readdir(folder).catch(() => [])
      const found = await Promise.all(names.map(name => diskAt(folder, name)))
      return found.filter((disk): disk is Disk => disk?.partition === '')
    },
    async names() {
      const folder = join(dev, 'disk/by-id')
      const names = await readdir(folder).catch(() => [])
      const entries = await Promise.all(
        names.map(
          async name => [name, basename(await realpath(join(folder, name)).catch(() => ''))] as const,
        ),
      )
      return new Map(entries.filter(([, disk]) => disk !== ''))
    },
    async mount(device, fileSystem, to, signal) {
      await mkdir(to)
      try {
        // Its UUID is that of the original, which may be mounted, too.
        const options = fileSystem === 'xfs' ? ['-o', 'nouuid'] : []
        await program(['mount', '-t', fileSystem, ...options, device, to], signal)
      } catch (error) {
        await rmdir(to)
        throw error
      }
    },
    async unmount(to, signal) {
      await program(['umount', to], signal).catch((error: unknown) => {
        // A second time, or after somebody else: what counts is that it is not mounted.
        if (!isFault(error, 'SNAPSHOT_FAILED') || !/not mounted|no mount point/.test(error.message))
          throw error
      })
      await rmdir(to).catch((error: unknown) => {
        if (errnoOf(error) !== 'ENOENT') throw error
      })
    },
  }
}

/** The name of a partition's device: `nvme1n1p1`, `sdb1`. */
export function partitionName(disk: string, partition: string): string {
  if (partition === '') return disk
  return /\d$/.test(disk) ? `${disk}p${partition}` : `${disk}${partition}`
}

async function diskAt(folder: string, device: string): Promise<Disk | undefined> {
  const path = await realpath(join(folder, device)).catch(() => undefined)
  // Others have several disks beneath them, or bytes that are not those of a file system.
  if (path === undefined || !/^(?:nvme\d+n\d+|xvd[a-z]+|sd[a-z]+|vd[a-z]+)(?:p?\d+)?$/.test(device))
    return undefined
  const partition = await readFile(join(path, 'partition'), 'utf8').catch(() => '')
  const disk = partition === '' ? path : dirname(path)
  const serial = await readFile(join(disk, 'device/serial'), 'utf8').catch(() => undefined)
  return { name: basename(disk), partition: partition.trim(), serial: serial?.trim() }
}
