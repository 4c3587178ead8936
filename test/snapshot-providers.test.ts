/** The providers of snapshots against real file systems: in files, mounted as loop devices. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openBtrfs } from '../src/snapshots/providers/btrfs.ts'
import { openReflink } from '../src/snapshots/providers/reflink.ts'
import { snapshotContract } from './contract/snapshot-contract.ts'
import { findSystemProgram, loopMissing, mountLoop } from './support/loop-file-systems.ts'
import {
  openBtrfsLab,
  openCommandLab,
  openReflinkLab,
  openZfsLab,
  snapshotSettings,
} from './support/snapshot-labs.ts'
import { withZfs } from './support/zfs-fuse.ts'

const signal = new AbortController().signal

const labs = [
  ['btrfs', loopMissing('btrfs'), openBtrfsLab],
  ['reflink on XFS', loopMissing('xfs'), openReflinkLab],
  ['command, with the example', loopMissing('xfs'), openCommandLab],
] as const
for (const [name, reason, open] of labs) {
  if (reason === undefined) snapshotContract(name, () => Promise.resolve(open()))
  else console.warn(`left out: the snapshot contract of ${name}: ${reason}`)
}

const withoutZfs =
  process.getuid?.() === 0 ? findSystemProgram('zfs-fuse') : 'only root can mount file systems'
if (withoutZfs === undefined) snapshotContract('zfs (zfs-fuse)', () => withZfs(openZfsLab))
else console.warn(`left out: the snapshot contract of zfs: ${withoutZfs}`)

describe.skipIf(loopMissing('ext4') !== undefined)('where no snapshots can be made', () => {
  test('it is said which file system it is, and what to do', async () => {
    using fs = mountLoop('ext4')
    const data = join(fs.path, 'pg')
    mkdirSync(data)
    const trees = [{ holds: 'data', path: data } as const]
    for (const open of [openBtrfs, openReflink])
      await expect(open(snapshotSettings('btrfs')).volumesOf(trees, signal)).rejects.toMatchObject({
        code: 'SNAPSHOT_UNSUPPORTED',
        message: expect.stringContaining('ext4') as string,
      })
  })
})
