/** What the folder driver promises beyond the contract: full disks, killed writers, lost mounts, foreign owners. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { pattern } from '../../../test/contract/tools.ts'
import { isFault, type FaultCode } from '../../base/fault.ts'
import { ownProcess } from '../../base/process-identity.ts'
import { day } from '../../base/units.ts'
import { systemWorld } from '../../base/world.ts'
import { bodyOf } from '../storage.ts'
import { openFsStorage } from './fs.ts'
import { faultOf } from './fs/faults.ts'
import { renameUnderClaim } from './fs/publish.ts'

const signal = new AbortController().signal
const isRoot = process.geteuid?.() === 0
const top = await mkdtemp(join(tmpdir(), 'holdfast-fs-'))
afterAll(() => rm(top, { recursive: true }))

let root = ''
let count = 0
beforeEach(async () => {
  root = join(top, String(++count))
  await mkdir(root)
})

const text = (content: string) => bodyOf(Buffer.from(content))
const staged = () => readdir(join(root, '.staging'))
const fault =
  (code: FaultCode, ...words: string[]) =>
  (error: unknown) =>
    isFault(error, code) && words.every(word => `${error.message} ${error.hint}`.includes(word))

describe('files of the repository', () => {
  test('files are readable by their owner alone, and so are folders', async () => {
    const storage = await openFsStorage(root)
    await storage.put('a/b/c', text('x'), signal)
    expect((await stat(join(root, 'a/b/c'))).mode & 0o777).toBe(0o600)
    expect((await stat(join(root, 'a/b'))).mode & 0o777).toBe(0o700)
  })

  test('nothing stays in the staging area after put, a taken put, and abort', async () => {
    const storage = await openFsStorage(root)
    await storage.put('a', text('x'), signal)
    await storage.put('a', text('y'), signal)
    const writer = await storage.create('b', signal)
    await writer.write(Buffer.from('x'))
    expect(await staged()).toHaveLength(1)
    await writer.abort()
    expect(await staged()).toEqual([])
  })

  test('deleting the last object of a folder removes the folder, and writing makes it again', async () => {
    const storage = await openFsStorage(root)
    await storage.put('a/b/c', text('x'), signal)
    await storage.put('a/d', text('x'), signal)
    await storage.delete(['a/b/c'], signal)
    expect(await readdir(join(root, 'a'))).toEqual(['d'])
    expect(await storage.put('a/b/c', text('y'), signal)).toBe('written')
  })

  test('a folder that another process removed meanwhile is made again', async () => {
    const storage = await openFsStorage(root)
    await storage.put('a/b/c', text('x'), signal)
    await rm(join(root, 'a'), { recursive: true })
    expect(await storage.put('a/b/c', text('y'), signal)).toBe('written')
  })

  test.runIf(isRoot)("what root writes into somebody else's repository belongs to its owner", async () => {
    await chown(root, 12_345, 23_456)
    const storage = await openFsStorage(root)
    await storage.put('a/b', text('x'), signal)
    for (const path of ['a', 'a/b', '.staging']) {
      expect(await stat(join(root, path))).toMatchObject({ uid: 12_345, gid: 23_456 })
    }
  })

  test('a file system without hard links still never replaces', async () => {
    const world = systemWorld()
    const place = {
      root,
      fileMode: 0o600,
      folderMode: 0o700,
      owner: undefined,
      self: await ownProcess(),
      world,
    }
    await mkdir(join(root, '.staging'))
    for (const name of ['one', 'two', 'three']) await writeFile(join(root, '.staging', name), name)
    const outcomes = await Promise.allSettled(
      ['one', 'two', 'three'].map(name => renameUnderClaim(place, join(root, '.staging', name), 'key')),
    )
    const winners = outcomes.filter(outcome => outcome.status === 'fulfilled' && outcome.value === 'written')
    expect(winners).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected')
        expect(outcome.reason).toSatisfy(fault('STORAGE_UNAVAILABLE', 'just publishing'))
    }
    expect(await renameUnderClaim(place, join(root, '.staging', 'two'), 'key').catch(() => 'gone')).not.toBe(
      'written',
    )
    expect((await staged()).filter(name => name.startsWith('claim'))).toEqual([])
  })
})

describe('what writers left behind', () => {
  test('the file of a dead writer is removed, that of a live or unknown one is kept until it is old', async () => {
    const me = await ownProcess()
    const name = (pid: number, startTicks: string, bootId: string) =>
      `${String(pid)}_${startTicks}_${me.pidNamespace}_${bootId}_00`
    const dead = name(me.pid, '1', me.bootId)
    const alive = name(me.pid, me.startTicks, me.bootId)
    const elsewhere = name(1, '1', 'another-boot')
    const old = name(2, '1', 'another-boot')
    await mkdir(join(root, '.staging'))
    for (const file of [dead, alive, elsewhere, old]) await writeFile(join(root, '.staging', file), 'x')
    await utimes(join(root, '.staging', old), new Date(), new Date(Date.now() - 2 * day))
    await (await openFsStorage(root)).put('a', text('x'), signal)
    expect((await staged()).sort()).toEqual([alive, elsewhere].sort())
  })

  test('a writer that is killed leaves no object, and the next writer removes what it left', async () => {
    const fsUrl = new URL('fs.ts', import.meta.url).href
    const program = `
      const { openFsStorage } = await import(${JSON.stringify(fsUrl)})
      const storage = await openFsStorage(${JSON.stringify(root)})
      const signal = new AbortController().signal
      for (let i = 0; ; i++) {
        await storage.put('done/' + i, { sizeBytes: 3, async *open() { yield Buffer.from('abc') } }, signal)
        const writer = await storage.create('packs/' + i, signal)
        for (let n = 0; n < 40; n++) await writer.write(Buffer.alloc(1 << 20, 7))
        await writer.commit()
        console.log(i)
      }`
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(child.stdout, 'data')
      await new Promise(resolve => setTimeout(resolve, 7 + round * 13))
      child.kill('SIGKILL')
      await once(child, 'exit')
      const storage = await openFsStorage(root)
      for await (const { key, sizeBytes } of storage.list('', signal)) {
        expect(sizeBytes).toBe(key.startsWith('done/') ? 3 : 40 << 20)
      }
      await storage.put(`after/${String(round)}`, text('123'), signal)
      expect(await staged()).toEqual([])
      await rm(root, { recursive: true })
      await mkdir(root)
    }
  })
})

describe('a lost mount', () => {
  test('opening a folder that is not there says to mount it or to run init', async () => {
    await expect(openFsStorage(join(root, 'none'))).rejects.toSatisfy(
      fault('REPOSITORY_MISSING', 'Mount', 'init'),
    )
  })

  test('when the folder is gone, nothing is said to be missing', async () => {
    const storage = await openFsStorage(root)
    await storage.put('a', text('x'), signal)
    await rename(root, `${root}-away`)
    const gone = fault('STORAGE_UNAVAILABLE', 'gone', 'Mount')
    await expect(storage.stat('a', signal)).rejects.toSatisfy(gone)
    await expect(Array.fromAsync(storage.get('a', undefined, signal))).rejects.toSatisfy(gone)
    await expect(Array.fromAsync(storage.list('', signal))).rejects.toSatisfy(gone)
    await expect(storage.put('b', text('x'), signal)).rejects.toSatisfy(gone)
  })
})

describe('system errors', () => {
  test.each<[string, FaultCode]>([
    ['ENOSPC', 'STORAGE_FULL'],
    ['EDQUOT', 'STORAGE_FULL'],
    ['EACCES', 'STORAGE_DENIED'],
    ['EPERM', 'STORAGE_DENIED'],
    ['EROFS', 'STORAGE_DENIED'],
    ['EIO', 'STORAGE_UNAVAILABLE'],
    ['ESTALE', 'STORAGE_UNAVAILABLE'],
    ['EMFILE', 'STORAGE_UNAVAILABLE'],
  ])('%s becomes %s, with the path and a hint', async (errno, code) => {
    const error = Object.assign(new Error('system'), { code: errno })
    const made = await faultOf(error, 'write', '/repo/a')
    expect(made).toSatisfy(fault(code, '/repo/a', errno))
    expect(isFault(made) && made.cause).toBe(error)
  })

  test('what is not a system error passes unchanged', async () => {
    const error = new Error('a bug')
    expect(await faultOf(error, 'write', '/repo/a')).toBe(error)
  })

  test('a folder without rights is denied, for writing, reading and listing', async () => {
    const storage = await openFsStorage(root)
    await storage.put('a/b', text('x'), signal)
    await withoutRights(async () => {
      const denied = fault('STORAGE_DENIED', root, 'rights')
      await expect(storage.put('c', text('x'), signal)).rejects.toSatisfy(denied)
      await expect(storage.delete(['a/b'], signal)).rejects.toSatisfy(denied)
      await expect(storage.stat('a/b', signal)).rejects.toSatisfy(denied)
      await expect(Array.fromAsync(storage.get('a/b', undefined, signal))).rejects.toSatisfy(denied)
      await expect(Array.fromAsync(storage.list('', signal))).rejects.toSatisfy(denied)
    })
    expect(await storage.stat('a/b', signal)).toBeDefined()
  })
})

/** Nobody may do anything in `root` while `work` runs; root itself has to become somebody else for it. */
async function withoutRights(work: () => Promise<void>): Promise<void> {
  await chmod(root, 0o000)
  if (isRoot) process.seteuid?.(65_534)
  try {
    await work()
  } finally {
    if (isRoot) process.seteuid?.(0)
    await chmod(root, 0o700)
  }
}

/** A file system of its own, which only root can mount. Skipped aloud otherwise: vitest lists it as skipped. */
describe.runIf(isRoot)('a small file system of its own (needs root)', () => {
  const mount = (options: string) =>
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'holdfast-test', root])
  afterEach(() => {
    execFileSync('umount', [root])
  })

  test('a full disk is said to be full, leaves nothing half-done, and what was there is whole', async () => {
    mount('size=4m')
    const storage = await openFsStorage(root)
    await storage.put('whole', bodyOf(pattern(1 << 20)), signal)
    await expect(storage.put('packs/big', bodyOf(pattern(8 << 20)), signal)).rejects.toSatisfy(
      fault('STORAGE_FULL', 'packs/big', 'no space is left', 'make it larger'),
    )
    expect(await Array.fromAsync(storage.list('', signal))).toMatchObject([
      { key: 'whole', sizeBytes: 1 << 20 },
    ])
    expect(await staged()).toEqual([])
    expect(await storage.put('packs/small', bodyOf(pattern(1 << 20)), signal)).toBe('written')
  })

  test('a writer that meets a full disk can be aborted, and gives the space back', async () => {
    mount('size=4m')
    const storage = await openFsStorage(root)
    const writer = await storage.create('big', signal)
    const error: unknown = await (async () => {
      for (;;) await writer.write(pattern(1 << 20))
    })().catch((thrown: unknown) => thrown)
    expect(error).toSatisfy(fault('STORAGE_FULL'))
    await writer.abort()
    expect(await storage.put('small', bodyOf(pattern(3 << 20)), signal)).toBe('written')
  })

  test('running out of inodes is told apart from running out of space', async () => {
    mount('size=4m,nr_inodes=12')
    const storage = await openFsStorage(root)
    const error: unknown = await (async () => {
      for (let i = 0; ; i++) await storage.put(`many/${String(i)}`, text('x'), signal)
    })().catch((thrown: unknown) => thrown)
    expect(error).toSatisfy(fault('STORAGE_FULL', 'inodes', 'df -i'))
    expect(await staged()).toEqual([])
  })

  test('a read-only file system is denied, and can still be read', async () => {
    mount('size=4m')
    await (await openFsStorage(root)).put('a', text('x'), signal)
    execFileSync('mount', ['-o', 'remount,ro', root])
    const storage = await openFsStorage(root)
    await expect(storage.put('b', text('x'), signal)).rejects.toSatisfy(fault('STORAGE_DENIED', 'read-only'))
    await expect(storage.delete(['a'], signal)).rejects.toSatisfy(fault('STORAGE_DENIED'))
    expect(Buffer.concat(await Array.fromAsync(storage.get('a', undefined, signal))).toString()).toBe('x')
  })

  test('a repository that spans file systems is refused in plain words', async () => {
    mount('size=4m')
    const outer = join(root, 'repository')
    await mkdir(join(outer, 'cluster'), { recursive: true })
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'holdfast-test', join(outer, 'cluster')])
    try {
      const storage = await openFsStorage(outer)
      await expect(storage.put('cluster/a', text('x'), signal)).rejects.toSatisfy(
        fault('FAILED', 'spans file systems'),
      )
    } finally {
      execFileSync('umount', [join(outer, 'cluster')])
    }
  })
})
