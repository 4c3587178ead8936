/** A folder repository as other programs see it: files, `sha256`, `age` and `zstd`. Nothing here asks Holdfast. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect } from 'vitest'
import type { BackupRecord } from '../../src/repository/format/backup-record.ts'
import { makeRoot } from './postgres-server.ts'
import type { Lab } from './repository-lab.ts'

/** Every object's key and SHA-256, without leases, indexes, notes and audit trails, which come and go. */
export function objectsOf(repositoryDirectory: string): ReadonlyMap<string, string> {
  return new Map(keysOf(repositoryDirectory).map(key => [key, sha256Of(join(repositoryDirectory, key))]))
}

export function keysOf(repositoryDirectory: string): readonly string[] {
  return readdirSync(repositoryDirectory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(repositoryDirectory.length + 1))
    .filter(key => !key.startsWith('.staging/') && !/\/(leases|catalog|locks|audit)\//.test(key))
    .toSorted()
}

/** What is being written, or was left by a writer that died; by this process, whose pid the names begin with, or by any. */
export function stagedFiles(
  repositoryDirectory: string,
  pid?: number,
): readonly { name: string; sizeBytes: number }[] {
  const folder = join(repositoryDirectory, '.staging')
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap(name => {
    if (pid !== undefined && !name.startsWith(`${String(pid)}_`)) return []
    const info = statSync(join(folder, name), { throwIfNoEntry: false })
    return info ? [{ name, sizeBytes: info.size }] : []
  })
}

export function sha256Of(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** The bytes that an object holds, as `age -d | zstd -d` gives them. Either program fails on anything less than the whole. */
export function contentOf(lab: Lab, key: string): Buffer {
  const path = join(lab.repositoryDirectory, key)
  const options = { maxBuffer: 2 ** 31, stdio: ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'] }
  const sealed = key.endsWith('.age')
  const stored = sealed
    ? execFileSync('age', ['-d', '-i', lab.identityPath, path], options)
    : readFileSync(path)
  return execFileSync('zstd', ['-d', '-q'], { ...options, input: stored })
}

/** Nothing that was there is lost or changed. */
export function expectKept(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): void {
  const lost = [...before].filter(([key, sha256]) => after.get(key) !== sha256).map(([key]) => key)
  expect(lost, 'objects that are gone or have other bytes').toEqual([])
}

/** Whatever has a name in the repository is whole: no reader can find half an object, or a commit without its parts. */
export function expectWhole(lab: Lab, keys: readonly string[] = keysOf(lab.repositoryDirectory)): void {
  for (const key of keys) {
    if (basename(key) === 'backup.json') expectComplete(lab.repositoryDirectory, key)
    else if (/\.zst(\.age)?$/.test(key)) expect(contentOf(lab, key).length, key).toBeGreaterThan(0)
  }
}

/** A commit names only what is there, with these bytes. */
function expectComplete(repositoryDirectory: string, key: string): void {
  const record = JSON.parse(readFileSync(join(repositoryDirectory, key), 'utf8')) as BackupRecord
  const folder = join(repositoryDirectory, key, '..')
  const named = [...record.packs, record.manifest]
  const stored = named.map(({ name }) => ({ name, sha256: sha256Of(join(folder, name)) }))
  expect(stored).toEqual(named.map(({ name, sha256 }) => ({ name, sha256 })))
}

export interface RepositoryCopy extends Disposable {
  readonly directory: string
}

/** A copy to be damaged, for the user of the server. */
export function copyOfRepository(lab: Lab): RepositoryCopy {
  const root = makeRoot()
  const directory = join(root, 'repository')
  execFileSync('cp', ['-a', lab.repositoryDirectory, directory])
  return {
    directory,
    [Symbol.dispose]() {
      rmSync(root, { recursive: true, force: true })
    },
  }
}
