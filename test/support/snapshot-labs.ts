/** Laboratories for the contract of snapshot providers: each has two volumes of its kind. */
import { mkdirSync, rmSync, writeFileSync, chmodSync, mkdtempSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Fault } from '../../src/base/fault.ts'
import { systemWorld } from '../../src/base/world.ts'
import { minute } from '../../src/base/units.ts'
import type { SnapshotSettings } from '../../src/snapshots/description.ts'
import type { ProviderName, SnapshotProvider, Tree } from '../../src/snapshots/provider.ts'
import { openBtrfs } from '../../src/snapshots/providers/btrfs.ts'
import { openCommand } from '../../src/snapshots/providers/command.ts'
import { openReflink } from '../../src/snapshots/providers/reflink.ts'
import { openZfs } from '../../src/snapshots/providers/zfs.ts'
import { runProgram, type RunProgram } from '../../src/snapshots/run-program.ts'
import type { SnapshotLab } from '../contract/snapshot-contract.ts'
import { mountLoop, system, type LoopFileSystem } from './loop-file-systems.ts'

export function snapshotSettings(
  provider: ProviderName,
  more: Partial<SnapshotSettings> = {},
): SnapshotSettings {
  return {
    provider,
    volumes: [],
    prefix: [],
    timeLimitMs: minute,
    directories: [],
    command: undefined,
    ...more,
  }
}

const files: SnapshotLab['files'] = {
  async write(path, content) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
  },
  read: path => readFile(path, 'utf8').catch(() => undefined),
}

/** Two subvolumes: one is the first volume with two folders in it, the second is a tablespace itself. */
export function openBtrfsLab(): SnapshotLab {
  const fs = mountLoop('btrfs')
  for (const name of ['one', 'two']) system('btrfs', ['-q', 'subvolume', 'create', join(fs.path, name)])
  return labOn(fs, ['one/pg', 'one/ts', 'two'], {
    provider: openBtrfs(snapshotSettings('btrfs')),
    brokenProvider: openBtrfs(snapshotSettings('btrfs'), failingFor('ts16500')),
  })
}

/** Two file systems, since on one of them there would be one volume. */
export function openReflinkLab(): SnapshotLab {
  const [first, second] = [mountLoop('xfs'), mountLoop('xfs')]
  const broken = openReflink(snapshotSettings('reflink'), failingFor(second.path))
  return labOn(
    first,
    ['pg', 'ts', join(second.path, 'ts')],
    { provider: openReflink(snapshotSettings('reflink')), brokenProvider: broken },
    second,
  )
}

/** Real snapshots by a script of few lines, which holds to the contract of docs/snapshots.md. */
export function openCommandLab(): SnapshotLab {
  const [first, second] = [mountLoop('xfs'), mountLoop('xfs')]
  const open = (failing: string): SnapshotProvider =>
    openCommand(
      snapshotSettings('command', {
        command: { program: [exampleScript, failing], restores: 'volumes' },
      }),
    )
  const providers = { provider: open('none'), brokenProvider: open('ts16500') }
  return labOn(first, ['pg', 'ts', join(second.path, 'ts')], providers, second)
}

export const exampleScript = new URL('../../examples/snapshot-command.mjs', import.meta.url).pathname

function labOn(
  fs: LoopFileSystem,
  [data = '', inner = '', other = '']: readonly string[],
  providers: Pick<SnapshotLab, 'provider' | 'brokenProvider'>,
  second?: LoopFileSystem,
): SnapshotLab {
  const at = (path: string): string => (path.startsWith('/') ? path : join(fs.path, path))
  const trees: readonly Tree[] = [
    { holds: 'data', path: at(data) },
    { holds: '16501', path: at(inner) },
    { holds: '16500', path: at(other) },
  ]
  for (const { path } of trees) mkdirSync(path, { recursive: true })
  for (const folder of ['base', 'pg_tblspc']) mkdirSync(join(at(data), folder))
  const restoreFolder = join(fs.path, 'restored')
  mkdirSync(restoreFolder)
  return {
    ...providers,
    trees,
    restoreFolder,
    files,
    async [Symbol.asyncDispose]() {
      await providers.provider.close()
      second?.[Symbol.dispose]()
      fs[Symbol.dispose]()
    },
  }
}

/** A program whose call for one volume fails; everything else is real. */
function failingFor(word: string): RunProgram {
  return (call, signal) => {
    const isHit = call.words.some(one => one.includes(word)) && !call.words.includes('delete')
    const isChange = ['snapshot', 'sync'].some(one => call.words.includes(one))
    if (isHit && isChange)
      throw new Fault('SNAPSHOT_FAILED', 'the second volume fails', { hint: 'This is a test.' })
    return runProgram(call, signal)
  }
}

/** zfs-fuse: an old ZFS in user space, with the same programs. */
export function openZfsLab(): SnapshotLab {
  const root = mkdtempSync(join(tmpdir(), 'hf-zfs-'))
  const pool = `holdfast${String(process.pid)}`
  const image = join(root, 'image')
  writeFileSync(image, '')
  system('truncate', ['-s', '256M', image])
  system('zpool', ['create', '-m', join(root, 'm'), pool, image])
  for (const name of ['one', 'two']) system('zfs', ['create', `${pool}/${name}`])
  const disk: LoopFileSystem = {
    path: join(root, 'm'),
    [Symbol.dispose]: () => {
      system('zpool', ['destroy', pool])
      rmSync(root, { recursive: true })
    },
  }
  chmodSync(root, 0o755)
  return labOn(disk, ['one/pg', 'one/ts', 'two'], {
    provider: openZfs(snapshotSettings('zfs'), systemWorld()),
    brokenProvider: openZfs(snapshotSettings('zfs'), systemWorld(), failingFor('two@')),
  })
}
