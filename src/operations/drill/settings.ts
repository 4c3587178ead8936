/**
 * What a drilled server is started with, beside a private socket: as the original, as far as this host can. It keeps what matters to
 * its data and to how replay goes; it gets the memory that there is; and nothing that the original does by itself (jobs of pg_cron,
 * launchers of extensions, commands at the end of recovery) is done by a copy that should not exist for anybody.
 */
import { MiB } from '../../base/units.ts'
import type { Settings } from '../../postgres/local-server/start-settings.ts'

const sharedBuffersMiBMin = 32
const sharedBuffersMiBMax = 1024

/** `memoryBytes`: what this process may take, by the host or by its container. */
export function drillSettings(memoryBytes: number): Settings {
  const eighth = Math.floor(memoryBytes / 8 / MiB)
  const sharedBuffersMiB = Math.max(sharedBuffersMiBMin, Math.min(sharedBuffersMiBMax, eighth))
  return {
    shared_buffers: `${String(sharedBuffersMiB)}MB`,
    work_mem: '16MB',
    maintenance_work_mem: '64MB',
    max_connections: 50,
    huge_pages: 'off',
    // Programs of extensions run in these.
    max_worker_processes: 0,
    session_preload_libraries: '',
    local_preload_libraries: '',
    archive_cleanup_command: '',
    recovery_end_command: '',
    primary_conninfo: '',
    // What is asked is asked of what came back, not of what became of it since.
    autovacuum: 'off',
    restart_after_crash: 'off',
    log_statement: 'none',
    log_min_duration_statement: -1,
  }
}
