/** Holdfast as it is shipped (`bin/holdfast` on the built `dist/`), as `holdfast init` sets it up: encrypted, all checks on. */
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { execFileSync } from 'node:child_process'
import { chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeOwned, setArchiver, type Cluster } from './cluster.ts'
import { remove } from './disk.ts'
import { run, type Command } from './measure.ts'
import type { BucketPlace, Place } from './place.ts'
import type { BackupTool } from './tool.ts'

export const holdfastProgram = fileURLToPath(new URL('../bin/holdfast', import.meta.url))

const clusterName = 'bench'

/** What only Holdfast has, of the two. */
export interface HoldfastTool extends BackupTool {
  dump(args: readonly string[]): Command
  restoreDump(args: readonly string[]): Command
  command(args: readonly string[]): Command
  readonly dumpsPrefix: string
}

/** `directory` is the tool's own: configuration, key. */
export function openHoldfast(directory: string, place: Place): HoldfastTool {
  const configuration = join(directory, 'holdfast.yaml')
  const call = (args: readonly string[]): Command => ({
    program: holdfastProgram,
    args: ['--config', configuration, ...args],
  })

  return {
    name: 'holdfast',
    version: execFileSync(holdfastProgram, ['--version'], { encoding: 'utf8' })
      .trim()
      .replace(/^holdfast /, ''),
    settings: 'as `holdfast init` makes it: workers auto, zstd level 3, page checksums, CRC-32C, encrypted',
    directory,
    place,
    backupsPrefix: `${clusterName}/backups/`,
    walPushModes: ['ahead'],
    walGetModes: ['ahead'],

    async fresh(cluster) {
      remove(directory)
      makeOwned(directory)
      await place.empty()
      if (place.kind === 'bucket') await writeConfiguration(configuration, cluster, place)
      const flags =
        place.kind === 'folder'
          ? [
              ...['--cluster', clusterName, '--connection', cluster.connectionString],
              ...['--repository', `file://${place.directory}`],
            ]
          : []
      await run(call(['init', ...flags, '--yes']), cluster.as)
      setArchiver(cluster, path => call(['wal', 'push', path]))
    },
    async clear() {
      await place.clear()
      remove(directory)
    },
    dumpsPrefix: `${clusterName}/dumps/`,
    dump: args => call(['dump', ...args]),
    restoreDump: args => call(['restore-dump', ...args]),
    command: call,
    backup: () => call(['backup']),
    restore: target => call(['restore', '--target-dir', target]),
    walPush: (_mode, server, name) => call(['wal', 'push', join(server, 'pg_wal', name)]),
    walGet: (_mode, server, name) => call(['wal', 'get', name, join(server, 'pg_wal', 'RECOVERYXLOG')]),
    forgetWal(what) {
      if (what === 'pushed' && place.kind === 'folder') remove(join(place.directory, clusterName, 'wal'))
    },
  }
}

/** What `init` asks for, and how to reach the bucket, which it does not. YAML takes JSON as it is. */
async function writeConfiguration(path: string, cluster: Cluster, place: BucketPlace): Promise<void> {
  const { server, bucket, port } = place
  const identity = await generateX25519Identity()
  const files = { identity: `${path}.identity`, certificate: `${path}.pem` }
  const configuration = {
    cluster: clusterName,
    postgres: { connection: cluster.connectionString },
    repositories: {
      main: {
        url: `s3://${bucket}`,
        endpoint: `https://${server.host}:${String(port)}`,
        region: server.region,
        path_style: true,
        ca_file: files.certificate,
        credentials: {
          access_key_id: server.accessKeyId,
          secret_access_key: server.secretAccessKey,
        },
        encryption: {
          recipients: [await identityToRecipient(identity)],
          identity: { file: files.identity },
        },
      },
    },
  }
  const texts = [
    [path, JSON.stringify(configuration, undefined, 2)],
    [files.identity, `${identity}\n`],
    [files.certificate, server.certificate],
  ] as const
  for (const [file, text] of texts) {
    writeFileSync(file, text, { mode: 0o600 })
    chownSync(file, cluster.as.uid, cluster.as.gid)
  }
}
