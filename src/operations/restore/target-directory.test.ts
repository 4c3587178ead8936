import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { assertPlacesFree, assertSpace, measureSpace, placeTablespaces } from './places.ts'
import { PathSet, removeStrays } from './strays.ts'
import {
  assertApart,
  chooseOwner,
  finishTarget,
  inspectTarget,
  judgeTarget,
  markerName,
  prepareTarget,
} from './target-directory.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-target-'))
})
afterEach(() => {
  rmSync(root, { recursive: true })
})

const never = new AbortController().signal
const touch = (path: string): void => {
  mkdirSync(join(root, path, '..'), { recursive: true })
  writeFileSync(join(root, path), '')
}
const without = { delta: false, force: false }
const refusal = expect.objectContaining({ code: 'TARGET_DIRECTORY' }) as unknown

describe('the directory to restore into', () => {
  test('may be missing or empty; the lost+found of a mount point does not count', async () => {
    expect(judgeTarget(root, await inspectTarget(join(root, 'none')), without)).toBe('fresh')
    touch('lost+found/x')
    expect(judgeTarget(root, await inspectTarget(root), without)).toBe('fresh')
  })

  test('is refused when it holds something, unless that is to be deleted', async () => {
    touch('precious.txt')
    const state = await inspectTarget(root)
    expect(() => judgeTarget(root, state, without)).toThrow(refusal)
    expect(() => judgeTarget(root, state, { ...without, delta: true })).toThrow(refusal)
    expect(judgeTarget(root, state, { ...without, force: true })).toBe('clear')
  })

  test('is kept by --delta only when it is a data directory', async () => {
    touch('PG_VERSION')
    const state = await inspectTarget(root)
    expect(() => judgeTarget(root, state, without)).toThrow(refusal)
    expect(judgeTarget(root, state, { ...without, delta: true })).toBe('delta')
  })

  test('is never a repository, nor around one, nor inside of one', async () => {
    touch('holdfast.json')
    const state = await inspectTarget(root)
    expect(() => judgeTarget(root, state, { ...without, force: true })).toThrow(refusal)
    const needed = { repositoryUrls: ['s3://bucket/pg', 'file:///srv/backups/'], files: [] }
    expect(() => {
      assertApart('/srv', needed)
    }).toThrow(refusal)
    expect(() => {
      assertApart('/srv/backups/x', needed)
    }).toThrow(refusal)
    assertApart('/srv/backups2', needed)
  })

  test('never holds what the restore itself needs: the configuration, the key', () => {
    const needed = { repositoryUrls: [], files: ['/srv/pg/holdfast.yaml'] }
    for (const directory of ['/', '/srv', '/srv/pg/'])
      expect(() => {
        assertApart(directory, needed)
      }).toThrow(refusal)
    assertApart('/srv/pg/data', needed)
  })

  test('is not deleted by --force when it is the folder of data directories, or a file', async () => {
    touch('15/main/PG_VERSION')
    touch('15/main/global/pg_control')
    touch('15/file')
    for (const directory of [root, join(root, '15'), join(root, '15/file')]) {
      const state = await inspectTarget(directory)
      expect(() => judgeTarget(directory, state, { ...without, force: true })).toThrow(refusal)
    }
  })

  test('can not be started on from the preparation to the end, and a restore that broke off goes on', async () => {
    touch('PG_VERSION')
    touch('global/pg_control')
    await prepareTarget({ directory: root, use: 'delta', mode: 0o700, owner: undefined, backup: 'x' })
    expect(existsSync(join(root, 'global/pg_control'))).toBe(false)
    expect(judgeTarget(root, await inspectTarget(root), without)).toBe('delta')
    await finishTarget(root)
    expect(readdirSync(root)).not.toContain(markerName)
  })

  test('is emptied by --force, but for the marker', async () => {
    touch('PG_VERSION')
    touch('base/1/2')
    await prepareTarget({ directory: root, use: 'clear', mode: 0o700, owner: undefined, backup: 'x' })
    expect(readdirSync(root)).toEqual([markerName])
  })

  test('belongs to the nearest owner that is not root, when root restores', async () => {
    expect(await chooseOwner(root, { userId: 1000, groupId: 1000 })).toBeUndefined()
  })
})

const tablespaces = [
  { oid: 16400, name: 'fast', location: '/srv/fast', sizeBytes: 10 },
  { oid: 16401, name: 'slow', location: '/srv/slow', sizeBytes: 20 },
]

describe('tablespaces', () => {
  test('go where they were, or where a mapping by place or name says', () => {
    const places = placeTablespaces(tablespaces, [{ from: 'fast', to: '/mnt/a' }])
    expect(places.map(({ to }) => to)).toEqual(['/mnt/a', '/srv/slow'])
    expect(placeTablespaces(tablespaces, [{ from: '/srv/slow', to: '/mnt/b' }])[1]?.to).toBe('/mnt/b')
  })

  test.each([
    ['that fits none', [{ from: '/srv/none', to: '/mnt/a' }]],
    ['to a relative path', [{ from: 'fast', to: 'a' }]],
    ['of two to one place', [{ from: 'fast', to: '/srv/slow' }]],
  ])('a mapping %s is refused', (_, mappings) => {
    expect(() => placeTablespaces(tablespaces, mappings)).toThrow(
      expect.objectContaining({ code: 'USAGE' }) as unknown,
    )
  })

  test('are never put over data that another server may use, not even with --force', async () => {
    touch('space/PG_15_202209061/5/16384')
    const place = { oid: 16400, name: 'fast', from: '/x', to: join(root, 'space'), sizeBytes: 1 }
    const record = { postgres: { versionNumber: 150018, catalogVersion: 202209061 } } as never
    const directory = join(root, 'data')
    mkdirSync(join(directory, 'pg_tblspc'), { recursive: true })
    await expect(assertPlacesFree(directory, 'clear', [place], record)).rejects.toMatchObject({
      code: 'TARGET_DIRECTORY',
    })
    symlinkSync(place.to, join(directory, 'pg_tblspc', '16400'))
    await assertPlacesFree(directory, 'delta', [place], record)
    await expect(assertPlacesFree(directory, 'fresh', [place], record)).rejects.toMatchObject({
      code: 'TARGET_DIRECTORY',
    })
  })
})

test('room is counted by file system, and what will be written over counts as room', async () => {
  const [need] = await measureSpace([
    { path: join(root, 'a/b'), needBytes: 1000, keptBytes: 0 },
    { path: join(root, 'c'), needBytes: 500, keptBytes: 0 },
  ])
  expect(need?.needBytes).toBe(1500)
  assertSpace(need ? [need] : [])
  expect(() => {
    assertSpace([{ path: root, needBytes: 2, freeBytes: 1 }])
  }).toThrow(expect.objectContaining({ code: 'SPACE' }) as unknown)
})

test('a delta restore removes exactly what the backup does not have', async () => {
  const kept = new PathSet()
  for (let i = 0; i < 5000; i++) kept.add(`base/5/${String(i)}`)
  for (const path of [
    'base/5/17',
    'base/5/9999',
    'pg_wal/000000010000000000000001',
    'postmaster.pid',
    markerName,
  ])
    touch(path)
  expect(await removeStrays(root, kept, never)).toBe(3)
  expect(readdirSync(join(root, 'base/5'))).toEqual(['17'])
  expect(readdirSync(root).toSorted()).toEqual(['base', markerName, 'pg_wal'])
})
