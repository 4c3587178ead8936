/** Holdfast as it is shipped (`bin/holdfast` on the built `dist/`), as `holdfast init` sets it up: encrypted, all checks on. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeOwned, setArchiver } from './cluster.ts'
import { remove } from './disk.ts'
import { run, type Command } from './measure.ts'
import type { BackupTool } from './tool.ts'

export const holdfastProgram = fileURLToPath(new URL('../bin/holdfast', import.meta.url))

const clusterName = 'bench'

/** `directory` is the tool's own: configuration, key, repository. */
export function openHoldfast(directory: string): BackupTool {
  const repository = join(directory, 'repository')
  const configuration = join(directory, 'holdfast.yaml')
  const call = (args: readonly string[]): Command => ({
    program: holdfastProgram,
    args: [...args, '--config', configuration],
  })

  return {
    name: 'holdfast',
    version: execFileSync(holdfastProgram, ['--version'], { encoding: 'utf8' })
      .trim()
      .replace(/^holdfast /, ''),
    settings: 'as `holdfast init` makes it: workers auto, zstd level 3, page checksums, CRC-32C, encrypted',
    directory,
    repositoryDirectory: repository,
    backupsDirectory: join(repository, clusterName, 'backups'),
    walPushModes: ['single'],
    walGetModes: ['ahead'],

    async fresh(cluster) {
      remove(directory)
      makeOwned(directory)
      const flags = [
        '--cluster',
        clusterName,
        '--connection',
        cluster.connectionString,
        '--repository',
        `file://${repository}`,
        '--yes',
      ]
      await run(call(['init', ...flags]), cluster.as)
      setArchiver(cluster, path => call(['wal', 'push', path]))
    },
    clear() {
      remove(directory)
    },
    backup: () => call(['backup']),
    restore: target => call(['restore', '--target-dir', target]),
    walPush: (_mode, server, name) => call(['wal', 'push', join(server, 'pg_wal', name)]),
    walGet: (_mode, server, name) => call(['wal', 'get', name, join(server, 'pg_wal', 'RECOVERYXLOG')]),
    forgetWal(what) {
      if (what === 'pushed') remove(join(repository, clusterName, 'wal'))
    },
  }
}
