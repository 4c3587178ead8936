/** A disk that is soon full: a file system in memory, which only root may mount. */
import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { serverUser } from './postgres-binaries.ts'
import { makeRoot } from './postgres-server.ts'

export interface SmallDisk extends Disposable {
  readonly directory: string
}

/** A file system of its own in memory, for the user of the servers. */
export function smallDisk(sizeMb: number, filesMax?: number): SmallDisk {
  const { uid, gid } = serverUser()
  const directory = join(makeRoot(), 'disk')
  mkdirSync(directory)
  mount(directory, sizeMb, filesMax)
  chownSync(directory, uid, gid)
  return {
    directory,
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', directory])
      execFileSync('rm', ['-rf', join(directory, '..')])
    },
  }
}

function mount(directory: string, sizeMb: number, filesMax?: number): void {
  const options = [
    `size=${String(sizeMb)}m`,
    ...(filesMax === undefined ? [] : [`nr_inodes=${String(filesMax)}`]),
  ]
  execFileSync('mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', directory], {
    stdio: 'pipe',
  })
}

export function whyNoSmallDisk(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root may mount a small file system'
  const directory = join(makeRoot(), 'disk')
  mkdirSync(directory)
  try {
    mount(directory, 1)
    writeFileSync(join(directory, 'probe'), '')
    execFileSync('umount', [directory])
    return undefined
  } catch (error) {
    return `mounting a small file system does not work here: ${String(error)}`
  } finally {
    execFileSync('rm', ['-rf', join(directory, '..')])
  }
}
