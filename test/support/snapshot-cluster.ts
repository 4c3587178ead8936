/** A laboratory on a file system of its own. On btrfs the data directory is a subvolume, and so is a tablespace. */
import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { BackupRecord } from '../../src/repository/format/backup-record.ts'
import { mountLoop, system, type LoopFileSystem } from './loop-file-systems.ts'
import { serverUser } from './postgres-binaries.ts'
import { openLab, type Lab, type LabOptions } from './repository-lab.ts'

export interface SnapshotClusterLab extends AsyncDisposable {
  readonly lab: Lab
  readonly fs: LoopFileSystem
  /** Of the tablespace `fast`. */
  readonly tablespace: string
  snapshot(args?: readonly string[]): Promise<BackupRecord>
}

const providers = { btrfs: 'btrfs', xfs: 'reflink' } as const

export async function openSnapshotLab(
  options: LabOptions,
  kind: keyof typeof providers = 'btrfs',
): Promise<SnapshotClusterLab> {
  const fs = mountLoop(kind)
  const make = kind === 'btrfs' ? makeSubvolume : makeFolder
  try {
    const lab = await openLab({
      ...options,
      folder: fs.path,
      prepare: root => {
        make(join(root, 'data'))
        make(join(root, 'fast'))
      },
      config: { snapshots: { provider: providers[kind] }, ...options.config },
    })
    const tablespace = join(lab.server.root, 'fast')
    await lab.server.query(`CREATE TABLESPACE fast LOCATION '${tablespace}'`)
    return {
      lab,
      fs,
      tablespace,
      snapshot: (args = []) => lab.json<BackupRecord>(['snapshot', ...args]),
      async [Symbol.asyncDispose]() {
        await lab.server.stop('immediate')
        if (kind === 'btrfs') removeSubvolumes(fs.path)
        await lab[Symbol.asyncDispose]()
        fs[Symbol.dispose]()
      },
    }
  } catch (error) {
    fs[Symbol.dispose]()
    throw error
  }
}

export function makeSubvolume(path: string): void {
  system('btrfs', ['-q', 'subvolume', 'create', path])
  giveToServer(path)
}

function makeFolder(path: string): void {
  mkdirSync(path)
  giveToServer(path)
}

function giveToServer(path: string): void {
  const { uid, gid } = serverUser()
  chownSync(path, uid, gid)
  execFileSync('chmod', ['700', path])
}

/** Snapshots can not be written, and so not be removed as other folders are. */
function removeSubvolumes(path: string): void {
  const inner = system('find', [path, '-mindepth', '1', '-inum', '256', '-depth']).split('\n')
  for (const subvolume of inner.filter(line => line.includes('/.holdfast-snapshots/')))
    system('btrfs', ['-q', 'subvolume', 'delete', subvolume])
}
