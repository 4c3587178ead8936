/** From what is known of the server to what is told of it. */
import { formatLsn } from '../../wal/lsn.ts'
import { diskFullInMs } from './judge-server.ts'
import type { ServerSight } from './server.ts'
import type { ServerStatus } from './status.ts'

export function describeServer(server: ServerSight): ServerStatus {
  if (server.fault !== undefined) {
    const { code, message } = server.fault
    return { ...unknown, fault: { code, message } }
  }
  const { facts, slots, walFolder } = server
  const { ready, archivedCount, failedCount, lastArchivedMs, walDirectoryBytes } = facts.archiver
  const fullMs = diskFullInMs(server)
  return {
    fault: null,
    isStandby: facts.inRecovery,
    timeline: facts.timeline,
    lsn: formatLsn(facts.lsn),
    walFilesWaiting: ready?.count ?? null,
    walFilesArchived: archivedCount,
    walArchiveFailures: failedCount,
    lastArchivedAt: lastArchivedMs === undefined ? null : new Date(lastArchivedMs).toISOString(),
    walBytes: walDirectoryBytes ?? null,
    walFreeBytes: walFolder?.freeBytes ?? null,
    walFullInSeconds: fullMs === undefined ? null : Math.round(fullMs / 1000),
    slots: slots.map(({ name, isActive, heldBytes, walStatus }) => ({
      name,
      isActive,
      heldBytes: heldBytes ?? null,
      walStatus: walStatus ?? null,
    })),
  }
}

const unknown: Omit<ServerStatus, 'fault'> = {
  isStandby: null,
  timeline: null,
  lsn: null,
  walFilesWaiting: null,
  walFilesArchived: null,
  walArchiveFailures: null,
  lastArchivedAt: null,
  walBytes: null,
  walFreeBytes: null,
  walFullInSeconds: null,
  slots: [],
}
