/** Pages that are damaged in the database itself: the backup is finished, marked, and says which file and block. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import { whileCopying } from './support/halfway-backup.ts'
import { openLab } from './support/repository-lab.ts'
import { faultOf, restoreAndStart, tryRestore } from './support/restored-server.ts'

const pageSizeBytes = 8192

describe('a damaged page in the source', () => {
  test('does not keep the backup from being made, and is reported with file and block', async () => {
    await using lab = await openLab({ major: 15, build: 'debian' })
    await lab.server.query(
      'CREATE TABLE t AS SELECT generate_series(1, 20000) AS n; CREATE TABLE fine AS SELECT 1 AS n; CHECKPOINT',
    )
    const path = await lab.server.value("SELECT pg_relation_filepath('t')")
    await lab.server.stop()
    overwrite(join(lab.server.dataDirectory, path), 3 * pageSizeBytes + 100, Buffer.from('garbage'))
    overwrite(join(lab.server.dataDirectory, path), 7 * pageSizeBytes, Buffer.alloc(pageSizeBytes, 0x5a))
    await lab.server.start()

    const run = await lab.run(['backup', '--json'])
    expect(run.status, describeRun(run)).toBe(61)
    const backup = jsonOf<BackupRecord>(run)
    expect(backup.checks).toMatchObject({ pagesCorrupt: 2, corrupt: [{ path, blocks: [3, 7] }] })
    expect(run.err + run.out).toContain(path)

    const list = await lab.run(['list'])
    expect(list.status).toBe(0)
    expect(list.out, 'people see that something is wrong with it').toMatch(/damaged|corrupt/i)

    // Nobody gets it by accident; who names it gets all of the database that is worth having.
    await lab.archiveAll()
    await using refused = await tryRestore(lab, [])
    expect(refused.run.status, describeRun(refused.run)).toBe(50)
    expect(faultOf(refused.run).hint).toContain(`${backup.id} holds damaged pages`)
    await using restored = await restoreAndStart(lab, ['--backup', backup.id], { build: 'debian' })
    expect(await restored.server.value('SELECT n FROM fine')).toBe('1')
    await expect(restored.server.query('SELECT sum(n) FROM t')).rejects.toThrow(/invalid page/)
  })
})

describe('a page that is being written while it is read', () => {
  test('is not reported as damaged, and comes back as it was written', async () => {
    await using lab = await openLab({ major: 15, build: 'debian', settings: { autovacuum: 'off' } })
    await lab.server.query('CREATE TABLE large AS SELECT n, md5(n::text) FROM generate_series(1, 300000) n')
    await lab.server.query('CREATE TABLE small AS SELECT generate_series(1, 100) AS n; CHECKPOINT')
    const path = join(
      lab.server.dataDirectory,
      await lab.server.value("SELECT pg_relation_filepath('small')"),
    )

    // The largest files are read first, so the small one has not been read yet in the middle of the large one.
    const tear = async (): Promise<void> => {
      const old = readFileSync(path)
      await lab.server.query('UPDATE small SET n = -n; CHECKPOINT')
      // Half of the page has reached the disk, half has not: its own LSN is new, and its checksum is wrong.
      overwrite(path, pageSizeBytes / 2, old.subarray(pageSizeBytes / 2, pageSizeBytes))
    }
    const run = await whileCopying(lab, tear, { level: 9 })
    expect(run.status, describeRun(run)).toBe(0)
    expect(jsonOf<BackupRecord>(run).checks).toMatchObject({ pagesCorrupt: 0, corrupt: [], pagesTorn: 1 })

    await lab.archiveAll()
    await lab.ok(['verify'])
    await using restored = await restoreAndStart(lab, [], { build: 'debian' })
    expect(await restored.server.value('SELECT sum(n) FROM small')).toBe('-5050')
  })
})

function overwrite(path: string, at: number, bytes: Uint8Array): void {
  const handle = openSync(path, 'r+')
  try {
    writeSync(handle, bytes, 0, bytes.length, at)
  } finally {
    closeSync(handle)
  }
}
