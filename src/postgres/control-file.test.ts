import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { majors } from '../../test/support/postgres-binaries.ts'
import { startServer } from '../../test/support/postgres-server.ts'
import { startStandby } from '../../test/support/postgres-standby.ts'
import { findClientTool, requireTool } from '../../test/support/tools.ts'
import { formatLsn } from '../wal/lsn.ts'
import { parseControlFile, readControlFile } from './control-file.ts'

const sql = `
  SELECT s.system_identifier::text, s.pg_control_version, s.catalog_version_no,
         c.checkpoint_lsn::text, c.redo_lsn::text, c.timeline_id, c.prev_timeline_id, c.full_page_writes,
         c.next_xid, extract(epoch FROM c.checkpoint_time)::float8 AS checkpoint_time,
         r.min_recovery_end_lsn::text, r.min_recovery_end_timeline, r.backup_start_lsn::text, r.end_of_backup_record_required,
         i.database_block_size, i.blocks_per_segment, i.wal_block_size, i.bytes_per_wal_segment, i.data_page_checksum_version
    FROM pg_control_system() s, pg_control_checkpoint() c, pg_control_recovery() r, pg_control_init() i`

describe('the control file', () => {
  test.each(majors)('of PostgreSQL %i says the same as the server', async major => {
    await using server = await startServer({
      major,
      checksums: major !== 16,
      walSegmentSizeMb: 2,
      settings: {
        max_connections: 31,
        max_worker_processes: 9,
        max_wal_senders: 7,
        max_prepared_transactions: 5,
        max_locks_per_transaction: 65,
        track_commit_timestamp: 'on',
        wal_level: 'logical',
        wal_log_hints: 'on',
      },
    })
    await server.query('CHECKPOINT')
    const [row] = await server.query(sql)
    const { control } = await readControlFile(server.dataDirectory)
    expect({
      system_identifier: control.systemIdentifier,
      pg_control_version: control.controlVersion,
      catalog_version_no: control.catalogVersion,
      checkpoint_lsn: formatLsn(control.checkpointLsn),
      redo_lsn: formatLsn(control.checkpoint.redoLsn),
      timeline_id: control.checkpoint.timeline,
      prev_timeline_id: control.checkpoint.previousTimeline,
      full_page_writes: control.checkpoint.fullPageWrites,
      next_xid: `${String(control.checkpoint.nextTransactionId >> 32n)}:${String(control.checkpoint.nextTransactionId & 0xffff_ffffn)}`,
      checkpoint_time: control.checkpoint.timeMs / 1000,
      min_recovery_end_lsn: formatLsn(control.minRecoveryLsn),
      min_recovery_end_timeline: control.minRecoveryTimeline,
      backup_start_lsn: formatLsn(control.backupStartLsn),
      end_of_backup_record_required: control.backupEndRequired,
      database_block_size: control.blockSizeBytes,
      blocks_per_segment: control.relationSegmentBlocks,
      wal_block_size: control.walBlockSizeBytes,
      bytes_per_wal_segment: control.walSegmentSizeBytes,
      data_page_checksum_version: control.dataChecksums ? 1 : 0,
    }).toEqual(row)
    expect(control).toMatchObject({
      major,
      state: 'in production',
      walLevel: 'logical',
      walLogHints: true,
      trackCommitTimestamp: true,
      settings: {
        max_connections: 31,
        max_worker_processes: 9,
        max_wal_senders: 7,
        max_prepared_transactions: 5,
        max_locks_per_transaction: 65,
      },
    })
    await server.stop()
    expect((await readControlFile(server.dataDirectory)).control.state).toBe('shut down')
  })

  const controldata = findClientTool('pg_controldata', 15)
  test.skipIf(controldata.path === undefined)('of a standby says the same as pg_controldata', async () => {
    await using primary = await startServer({ major: 15, build: 'debian' })
    await using standby = await startStandby(primary, { build: 'debian' })
    await standby.stop()
    const text = execFileSync(requireTool(controldata), ['-D', standby.dataDirectory], {
      encoding: 'utf8',
      env: { LC_ALL: 'C', TZ: 'UTC' },
    })
    const line = (name: string): string => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(text)?.[1] ?? ''
    const { control } = await readControlFile(standby.dataDirectory)
    expect(line('Database cluster state')).toBe(control.state)
    expect(line('Minimum recovery ending location')).toBe(formatLsn(control.minRecoveryLsn))
    expect(line("Min recovery ending loc's timeline")).toBe(String(control.minRecoveryTimeline))
    expect(line('Backup end location')).toBe(formatLsn(control.backupEndLsn))
    expect(line('wal_level setting')).toBe(control.walLevel)
    expect(Date.parse(`${line('pg_control last modified')} UTC`)).toBe(control.modifiedMs)
    expect(line('max_connections setting')).toBe(String(control.settings['max_connections']))
    expect(line('track_commit_timestamp setting')).toBe('off')
  })

  test('that is damaged, cut or of an unknown version is refused, and the fault says why', async () => {
    await using server = await startServer({ major: 18 })
    const good = readFileSync(join(server.dataDirectory, 'global/pg_control'))
    const changed = (offset: number, value: number): Uint8Array => {
      const copy = Uint8Array.from(good)
      copy[offset] = value
      return copy
    }
    expect(() => parseControlFile(changed(100, 0xaa))).toThrow(/damaged: its checksum is wrong/)
    expect(() => parseControlFile(changed(292, (good[292] ?? 0) ^ 1))).toThrow(/checksum/)
    expect(() => parseControlFile(good.subarray(0, 100))).toThrow(/damaged: it has 100 bytes/)
    expect(() => parseControlFile(changed(8, 9))).toThrow(
      expect.objectContaining({ code: 'POSTGRES_UNSUPPORTED' }),
    )
    await expect(readControlFile('/nonexistent')).rejects.toMatchObject({ code: 'DATA_DIRECTORY' })
  })
})
