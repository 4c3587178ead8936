import { describe, expect, test } from 'vitest'
import { majors } from '../../test/support/postgres-binaries.ts'
import { makeOwned, startServer } from '../../test/support/postgres-server.ts'
import { catchUp, startStandby } from '../../test/support/postgres-standby.ts'
import { connect } from './connection.ts'
import { judgeArchiver } from './archiver-health.ts'
import { serverFacts, type ServerFacts } from './server-facts.ts'

const never = new AbortController().signal
const factsOf = async (connectionString: string): Promise<ServerFacts> => {
  await using server = await connect(connectionString, { environment: {} }, never)
  return await serverFacts(server, never)
}

describe('server facts', () => {
  test.each(majors)('PostgreSQL %i tells all of them', async major => {
    await using server = await startServer({
      major,
      walSegmentSizeMb: 4,
      archiveCommand: 'false',
      settings: { max_connections: 33, ...(major >= 17 ? { summarize_wal: 'on' } : {}) },
    })
    makeOwned(`${server.root}/space`)
    await server.query(`CREATE TABLESPACE fast LOCATION '${server.root}/space'`)
    await server.query('SELECT pg_switch_wal()')
    await expect
      .poll(() => server.value('SELECT failed_count > 0 FROM pg_stat_archiver'), { timeout: 20_000 })
      .toBe('true')
    const facts = await factsOf(server.connectionString)
    expect(facts).toMatchObject({
      major,
      inRecovery: false,
      timeline: 1,
      walSegmentSizeBytes: 4 * 1024 * 1024,
      blockSizeBytes: 8192,
      relationSegmentBlocks: 131_072,
      dataChecksums: true,
      walLevel: 'replica',
      fullPageWrites: true,
      summarizeWal: major >= 17,
      dataDirectory: server.dataDirectory,
      configFiles: { config: `${server.dataDirectory}/postgresql.conf` },
      settings: { max_connections: '33', max_locks_per_transaction: '64' },
      archiver: {
        mode: 'on',
        command: 'false',
        archivedCount: 0,
        lastArchivedMs: undefined,
        ready: { count: expect.any(Number) as number },
      },
      role: { name: 'postgres', superuser: true, missingGrants: [] },
    })
    expect(facts.tablespaces).toEqual([
      { oid: expect.any(Number) as number, name: 'fast', location: `${server.root}/space` },
    ])
    expect(facts.systemIdentifier).toMatch(/^\d{19}$/)
    expect(facts.lsn).toBeGreaterThan(0n)
    expect(Math.abs(facts.nowMs - Date.now())).toBeLessThan(5000)
    expect(judgeArchiver(facts)).toMatchObject({ verdict: 'failing', problem: 'failed' })
  })

  test('a standby tells that it is one, its timeline, and how far it has replayed', async () => {
    await using primary = await startServer({ major: 14, archiveCommand: 'true' })
    await using standby = await startStandby(primary)
    await catchUp(primary, standby)
    const facts = await factsOf(standby.connectionString)
    expect(facts).toMatchObject({ inRecovery: true, timeline: 1 })
    expect(facts.lsn).toBeGreaterThan(0n)
    expect(judgeArchiver(facts).verdict).toBe('standby')
    await standby.query('SELECT pg_promote()')
    expect(await factsOf(standby.connectionString)).toMatchObject({ inRecovery: false, timeline: 2 })
  })

  test.each([14, 18] as const)(
    'a role without rights on PostgreSQL %i gets what it may see, and the grants it lacks; they help',
    async major => {
      await using server = await startServer({ major, archiveCommand: 'true' })
      await server.query('CREATE ROLE "Holdfast" LOGIN')
      const connectionString = `${server.connectionString}&user=Holdfast`
      const facts = await factsOf(connectionString)
      expect(facts.dataDirectory).toBeUndefined()
      expect(facts.archiver.ready).toBeUndefined()
      expect(facts.role.superuser).toBe(false)
      expect(facts.role.missingGrants).toHaveLength(5)
      await server.query(facts.role.missingGrants.join('\n'))
      const after = await factsOf(connectionString)
      expect(after.role.missingGrants).toEqual([])
      expect(after.dataDirectory).toBe(server.dataDirectory)
      expect(after.archiver.ready?.count).toBe(0)
    },
  )
})
