import { describe, expect, test } from 'vitest'
import { majors } from '../../test/support/postgres-binaries.ts'
import { makeOwned, startServer, type TestServer } from '../../test/support/postgres-server.ts'
import { catchUp, startStandby } from '../../test/support/postgres-standby.ts'
import { parseTablespaceMap } from './backup-label.ts'
import { beginBackup, type BackupSession } from './backup-session.ts'
import { connect } from './connection.ts'

const never = new AbortController().signal
const begin = async (server: TestServer, label = 'a label'): Promise<BackupSession> =>
  beginBackup(
    await connect(server.connectionString, { environment: {} }, never),
    { label, fast: true },
    never,
  )

describe('a backup session', () => {
  test.each(majors)(
    'PostgreSQL %i: begins, ends without waiting for the archive, and gives label and tablespace map',
    async major => {
      await using server = await startServer({ major, archiveCommand: 'false' })
      makeOwned(`${server.root}/a space`)
      await server.query(`CREATE TABLESPACE fast LOCATION '${server.root}/a space'`)
      await using session = await begin(server, 'two\nlines')
      const end = await session.end(never)
      expect(session.fromStandby).toBe(false)
      expect(end.stopLsn).toBeGreaterThan(session.startLsn)
      expect(end.label).toMatchObject({
        startLsn: session.startLsn,
        timeline: 1,
        from: 'primary',
        label: 'two lines',
      })
      expect(end.label.checkpointLsn).toBeGreaterThanOrEqual(session.startLsn)
      expect(parseTablespaceMap(end.tablespaceMapFile)).toEqual([
        { oid: expect.any(Number) as number, location: `${server.root}/a space` },
      ])
    },
  )

  test.each([14, 18] as const)('PostgreSQL %i: giving up leaves no trace on the server', async major => {
    await using server = await startServer({ major })
    const session = await begin(server)
    await session.abort()
    expect(session.lost.aborted).toBe(false)
    expect(
      await server.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast'"),
    ).toBe('0')
    await using again = await begin(server)
    expect((await again.end(never)).label.label).toBe('a label')
  })

  test('aborting while the server waits for its checkpoint ends the wait', async () => {
    await using server = await startServer({
      major: 17,
      settings: { checkpoint_completion_target: 0.9, checkpoint_timeout: '10min' },
    })
    await server.query('CREATE TABLE t AS SELECT generate_series(1, 300000) AS id')
    const controller = new AbortController()
    await using connection = await connect(server.connectionString, { environment: {} }, never)
    const beginning = beginBackup(connection, { label: 'slow', fast: false }, controller.signal)
    setTimeout(() => {
      controller.abort(new Error('enough'))
    }, 200)
    await expect(beginning).rejects.toThrow('enough')
  })

  test('a terminated connection is told at once', async () => {
    await using server = await startServer({ major: 16 })
    await using session = await begin(server)
    await server.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast'",
    )
    await expect.poll(() => session.lost.aborted).toBe(true)
    await expect(session.end(never)).rejects.toMatchObject({ code: 'POSTGRES_UNREACHABLE' })
  })

  test('idle limits of the role do not end a long backup', async () => {
    await using server = await startServer({
      major: 17,
      settings: { idle_session_timeout: '200ms', transaction_timeout: '200ms' },
    })
    await using session = await begin(server)
    await new Promise(resolve => setTimeout(resolve, 600))
    await session.end(never)
  })

  test.each([14, 18] as const)(
    'PostgreSQL %i: a standby can be backed up, and its promotion in between is told',
    async major => {
      await using primary = await startServer({ major })
      await using standby = await startStandby(primary)
      await catchUp(primary, standby)
      await using session = await begin(standby)
      expect(session.fromStandby).toBe(true)
      expect((await session.end(never)).label.from).toBe('standby')
      await using second = await begin(standby)
      await standby.query('SELECT pg_promote()')
      await expect(second.end(never)).rejects.toMatchObject({
        code: 'POSTGRES_REFUSED',
        hint: expect.stringContaining('Run the backup again') as string,
      })
    },
  )
})
