/** What a healthy primary tells of itself, to be changed by tests. */
import { minute } from '../../src/base/units.ts'
import type { ArchiverFacts } from '../../src/postgres/archiver-facts.ts'
import type { ServerFacts } from '../../src/postgres/server-facts.ts'

const nowMs = Date.parse('2026-03-01T12:00:00Z')

export function healthyFacts(
  change: Partial<Omit<ServerFacts, 'archiver'>> & { readonly archiver?: Partial<ArchiverFacts> } = {},
): ServerFacts {
  const archiver: ArchiverFacts = {
    mode: 'on',
    command: '/usr/bin/holdfast --config /etc/holdfast/holdfast.yaml wal push %p',
    library: '',
    timeoutMs: minute,
    archivedCount: 10,
    lastArchivedWal: '000000010000000000000009',
    lastArchivedMs: nowMs - minute,
    failedCount: 0,
    lastFailedWal: undefined,
    lastFailedMs: undefined,
    lastError: undefined,
    isRunning: true,
    ready: { count: 0, oldestWal: undefined, oldestMs: undefined },
    walDirectoryBytes: 0,
  }
  return {
    versionNumber: 170010,
    version: '17.10',
    major: 17,
    systemIdentifier: '7710940433089824256',
    catalogVersion: 202406281,
    inRecovery: false,
    timeline: 1,
    lsn: 0x3000060n,
    walSegmentSizeBytes: 16 * 1024 * 1024,
    blockSizeBytes: 8192,
    relationSegmentBlocks: 131072,
    dataChecksums: true,
    walLevel: 'replica',
    fullPageWrites: true,
    summarizeWal: false,
    dataDirectory: '/var/lib/postgresql/17/main',
    configFiles: { config: undefined, hba: undefined, ident: undefined },
    tablespaces: [],
    settings: {},
    role: { name: 'postgres', superuser: true, replication: true, missingGrants: [] },
    startedMs: nowMs - 60 * minute,
    nowMs,
    ...change,
    archiver: { ...archiver, ...change.archiver },
  }
}
