/** Real file systems in files: made, mounted, and taken away again. Needs root, and programs that not every machine has. */
import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serverUser } from './postgres-binaries.ts'
import { findProgram } from './tools.ts'

export interface LoopFileSystem extends Disposable {
  /** Where it is mounted; belongs to the user of the servers. */
  readonly path: string
}

const kinds = {
  btrfs: { make: 'mkfs.btrfs', args: ['-q'], options: 'loop,user_subvol_rm_allowed', mebibytes: 1024 },
  xfs: { make: 'mkfs.xfs', args: ['-q', '-m', 'reflink=1'], options: 'loop', mebibytes: 1024 },
  ext4: { make: 'mkfs.ext4', args: ['-q', '-F'], options: 'loop', mebibytes: 64 },
} as const
export type LoopKind = keyof typeof kinds

/** Why it can not be had here; undefined when it can. */
export function loopMissing(kind: LoopKind): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can mount file systems'
  const programs = [kinds[kind].make, 'mount', ...(kind === 'btrfs' ? ['btrfs'] : [])]
  return programs.map(findSystemProgram).find(found => found !== undefined)
}

/** The reason why it is not here. */
export function findSystemProgram(name: string): string | undefined {
  const path = process.env['PATH']
  process.env['PATH'] = `${path ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`
  try {
    const found = findProgram(name)
    return found.path === undefined ? found.reason : undefined
  } finally {
    process.env['PATH'] = path
  }
}

export function system(program: string, args: readonly string[]): string {
  const env = {
    ...process.env,
    PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
    LC_ALL: 'C',
  }
  return execFileSync(program, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] })
}

export function mountLoop(kind: LoopKind): LoopFileSystem {
  const { make, args, options, mebibytes } = kinds[kind]
  const root = mkdtempSync(join(tmpdir(), 'hf-fs-'))
  const image = join(root, 'image')
  const path = join(root, 'm')
  writeFileSync(image, '')
  // Holes: only what is written takes room.
  truncateSync(image, mebibytes * 1024 * 1024)
  system(make, [...args, image])
  mkdirSync(path)
  system('mount', ['-o', options, image, path])
  const { uid, gid } = serverUser()
  chownSync(path, uid, gid)
  // So that the user of the servers can reach it.
  system('chmod', ['755', root])
  const dispose = (): void => {
    // Helper processes of the program may still stand in it for some seconds.
    system('umount', ['--lazy', path])
    rmSync(root, { recursive: true })
  }
  return { path, [Symbol.dispose]: dispose }
}
