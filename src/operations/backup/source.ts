/** What is to be backed up, looked at before the first byte is copied: the right server, its data directory, its archiver. */
import { Fault } from '../../base/fault.ts'
import { judgeArchiver } from '../../postgres/archiver-health.ts'
import { readControlFile } from '../../postgres/control-file.ts'
import type { ServerFacts } from '../../postgres/server-facts.ts'
import type { ClusterIdentity } from '../../repository/repository.ts'
import { otherClusterHint } from '../../wal/other-cluster.ts'

export interface BackupSource {
  readonly facts: ServerFacts
  readonly dataDirectory: string
  /** Worth telling, and kept with the backup. */
  readonly warnings: readonly string[]
}

export interface SourceRequest {
  /** The data directory as this host sees it; else the server is asked. */
  readonly dataDirectory: string | undefined
  /** What archive_command should be, for hints. */
  readonly archiveCommand: string
}

/** Throws what makes a backup impossible or worthless; returns what is merely worth telling. */
export async function checkSource(
  facts: ServerFacts,
  identity: ClusterIdentity,
  request: SourceRequest,
): Promise<BackupSource> {
  assertSameCluster(facts, identity)
  if (!facts.fullPageWrites) throw fullPageWritesOff()
  const dataDirectory = request.dataDirectory ?? facts.dataDirectory
  if (dataDirectory === undefined) throw unknownDirectory(facts)
  await assertSameDirectory(dataDirectory, facts)
  const warnings = [...archiverWarnings(facts, request.archiveCommand), ...configurationWarnings(facts)]
  return { facts, dataDirectory, warnings }
}

export function assertSameCluster(facts: ServerFacts, identity: ClusterIdentity): void {
  if (facts.systemIdentifier === identity.systemIdentifier && facts.major === identity.postgresMajor) return
  throw new Fault(
    'CLUSTER_MISMATCH',
    `the server is PostgreSQL ${String(facts.major)} with system identifier ${facts.systemIdentifier}; ` +
      `"${identity.cluster}" in the repository is ${String(identity.postgresMajor)} with ${identity.systemIdentifier}`,
    {
      hint: otherClusterHint,
    },
  )
}

async function assertSameDirectory(dataDirectory: string, facts: ServerFacts): Promise<void> {
  const { control } = await readControlFile(dataDirectory)
  if (control.systemIdentifier === facts.systemIdentifier) return
  throw new Fault(
    'DATA_DIRECTORY',
    `${dataDirectory} belongs to system ${control.systemIdentifier}, and the server connected to is ${facts.systemIdentifier}`,
    {
      hint: 'Run on the host of that server, or set postgres.data_directory to the folder of the same server as postgres.connection.',
    },
  )
}

/** A failing archiver ends the backup here, not hours later when its WAL is waited for in vain. */
function archiverWarnings(facts: ServerFacts, command: string): readonly string[] {
  const health = judgeArchiver(facts, command)
  switch (health.verdict) {
    case 'failing':
      throw new Fault('ARCHIVER_FAILING', health.message, { hint: health.hint })
    case 'doubtful':
      return [health.message]
    default:
      return []
  }
}

/** Debian keeps them in /etc/postgresql. They are no part of the data directory, and whoever restores has to know. */
function configurationWarnings({ configFiles, dataDirectory }: ServerFacts): readonly string[] {
  if (dataDirectory === undefined) return []
  const { config, hba, ident } = configFiles
  const outside = [config, hba, ident].filter(
    path => path !== undefined && !path.startsWith(`${dataDirectory}/`),
  )
  if (outside.length === 0) return []
  return [
    `not in the backup, since outside of the data directory: ${outside.join(', ')}; keep copies of these files`,
  ]
}

const fullPageWritesOff = (): Fault =>
  new Fault(
    'POSTGRES_REFUSED',
    'full_page_writes is off: pages that are torn while they are copied could not be repaired',
    {
      hint: 'Set full_page_writes = on and reload the server.',
    },
  )

const unknownDirectory = (facts: ServerFacts): Fault =>
  new Fault('DATA_DIRECTORY', `the role ${facts.role.name} may not see where the data directory is`, {
    hint: `GRANT pg_read_all_settings TO "${facts.role.name}"; or set postgres.data_directory in the configuration.`,
  })
