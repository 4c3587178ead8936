/** pgBackRest, set up as well as its manual says: all cores, zstd level 3, bundling, block maps. Not encrypted. */
import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { makeOwned, setArchiver, type Cluster } from './cluster.ts'
import { remove } from './disk.ts'
import { run, type Command } from './measure.ts'
import type { Place } from './place.ts'
import type { BackupTool, WalMode } from './tool.ts'

const stanza = 'bench'

/** `directory` is the tool's own: spool, locks, configuration. */
export function openPgBackRest(program: string, directory: string, place: Place): BackupTool {
  const spool = join(directory, 'spool')
  const configuration = join(directory, 'pgbackrest.conf')
  const block = hasBlockOption(program)
  const call = (args: readonly string[]): Command => ({
    program,
    args: [`--config=${configuration}`, `--stanza=${stanza}`, ...args],
  })
  const async = (mode: WalMode): string => (mode === 'ahead' ? '--archive-async' : '--no-archive-async')

  return {
    name: 'pgbackrest',
    version: execFileSync(program, ['version'], { encoding: 'utf8' }).replace('pgBackRest ', '').trim(),
    settings: `process-max=${String(availableParallelism())}, compress-type=zst, compress-level=3, repo1-bundle=y${block ? ', repo1-block=y' : ''}, checksum-page=y, no encryption`,
    directory,
    place,
    backupsPrefix: `backup/${stanza}/`,
    // In a bucket only the way that is compared: the other would take minutes and say nothing.
    walPushModes: place.kind === 'folder' ? ['single', 'ahead'] : ['ahead'],
    walGetModes: ['single', 'ahead'],

    async fresh(cluster) {
      remove(directory)
      await place.empty()
      for (const folder of [directory, spool]) makeOwned(folder)
      if (place.kind === 'folder') makeOwned(place.directory)
      else writeFileSync(certificatePath(directory), place.server.certificate)
      writeFileSync(configuration, configurationText({ cluster, directory, place, spool, block }))
      chownSync(configuration, cluster.as.uid, cluster.as.gid)
      await run(call(['stanza-create']), cluster.as)
      setArchiver(cluster, path => call(['archive-push', path]))
    },
    async clear() {
      await place.clear()
      remove(directory)
    },
    backup: () => call(['backup', '--type=full']),
    restore: target => call(['restore', `--pg1-path=${target}`]),
    walPush: (mode, server, name) =>
      call(['archive-push', `--pg1-path=${server}`, async(mode), join(server, 'pg_wal', name)]),
    walGet: (mode, server, name) =>
      call([
        'archive-get',
        `--pg1-path=${server}`,
        async(mode),
        name,
        join(server, 'pg_wal', 'RECOVERYXLOG'),
      ]),
    forgetWal(what) {
      remove(join(spool, 'archive'))
      if (what === 'pushed' && place.kind === 'folder')
        removeSegments(join(place.directory, 'archive', stanza))
    },
  }
}

function configurationText({
  cluster,
  directory,
  place,
  spool,
  block,
}: {
  cluster: Cluster
  directory: string
  place: Place
  spool: string
  block: boolean
}): string {
  return `[global]
${repositoryLines(directory, place).join('\n')}
repo1-bundle=y
${block ? 'repo1-block=y' : ''}
repo1-retention-full=9
process-max=${String(availableParallelism())}
compress-type=zst
compress-level=3
start-fast=y
spool-path=${spool}
lock-path=${join(directory, 'lock')}
log-level-file=off

[${stanza}]
pg1-path=${cluster.dataDirectory}
pg1-socket-path=${cluster.socketDirectory}
pg1-port=${String(cluster.port)}
pg1-user=postgres
`
}

function repositoryLines(directory: string, place: Place): readonly string[] {
  if (place.kind === 'folder') return [`repo1-path=${place.directory}`]
  const { server, bucket, port } = place
  return [
    'repo1-type=s3',
    'repo1-path=/',
    'repo1-s3-uri-style=path',
    `repo1-s3-bucket=${bucket}`,
    `repo1-s3-endpoint=${server.host}`,
    `repo1-s3-region=${server.region}`,
    `repo1-s3-key=${server.accessKeyId}`,
    `repo1-s3-key-secret=${server.secretAccessKey}`,
    `repo1-storage-host=localhost`,
    `repo1-storage-port=${String(port)}`,
    `repo1-storage-ca-file=${certificatePath(directory)}`,
  ]
}

const certificatePath = (directory: string): string => join(directory, 'server.pem')

/** Where its version has it: 2.46 and later. Before, it was there "for beta testing only". */
function hasBlockOption(program: string): boolean {
  try {
    return !execFileSync(program, ['help', 'backup', 'repo-block'], { encoding: 'utf8' }).includes('BETA')
  } catch {
    return false
  }
}

/** The folders of segments are named by timeline and the first half of the name: 16 hexadecimal digits. */
function removeSegments(archive: string): void {
  if (!existsSync(archive)) return
  for (const version of readdirSync(archive)) {
    const folder = join(archive, version)
    for (const entry of version.includes('-') ? readdirSync(folder) : []) {
      if (/^[0-9A-F]{16}$/.test(entry)) rmSync(join(folder, entry), { recursive: true })
    }
  }
}
