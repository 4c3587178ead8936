import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer, type TestServer } from '../../test/support/postgres-server.ts'
import { isFault, type Fault } from '../base/fault.ts'
import { connect, type Server } from './connection.ts'

const never = new AbortController().signal
const options = { environment: {} }
const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isFault(error)) throw new Error(`no fault but ${String(error)}`)
  return error
}

describe('a connection', () => {
  let server: TestServer
  let open: Server[] = []
  const connected = async (text = server.connectionString): Promise<Server> => {
    const session = await connect(text, options, never)
    open.push(session)
    return session
  }

  beforeAll(async () => {
    server = await startServer({
      major: 16,
      tcp: true,
      hba: ['host all strict 127.0.0.1/32 scram-sha-256', 'host all nobody 127.0.0.1/32 reject'],
    })
    await server.query("CREATE ROLE strict LOGIN PASSWORD 'right'; CREATE ROLE plain LOGIN")
  })
  afterAll(async () => {
    await Promise.all(open.map(session => session.close()))
    open = []
    await server.remove()
  })

  test('knows the server it is connected to, and sets up the session', async () => {
    const session = await connected()
    expect(session).toMatchObject({
      major: 16,
      user: 'postgres',
      database: 'postgres',
      where: `${server.socketDirectory}:${String(server.port)}`,
    })
    const [row] = await session.query(
      "SELECT current_setting('TimeZone') AS zone, current_setting('application_name') AS app, current_setting('search_path') AS path, 9007199254740993::int8 AS big, true AS yes, now() AS at",
      [],
      never,
    )
    expect(row).toMatchObject({
      zone: 'UTC',
      app: 'holdfast',
      path: 'pg_catalog',
      big: '9007199254740993',
      yes: true,
    })
    expect(row?.['at']).toMatch(/^\d{4}-.*\+00$/)
  })

  test('a statement over its time is cancelled by the server, and the session stays usable', async () => {
    const session = await connected()
    const fault = await faultOf(session.query('SELECT pg_sleep(30)', [], never, { timeoutMs: 50 }))
    expect(fault.code).toBe('POSTGRES_REFUSED')
    expect(fault.message).toContain('statement timeout')
    expect(await session.query('SELECT 1 AS one', [], never)).toEqual([{ one: 1 }])
  })

  test('aborting cancels the statement on the server, and the session stays usable', async () => {
    const session = await connected()
    const controller = new AbortController()
    const sleeping = session.query('SELECT pg_sleep(30)', [], controller.signal)
    setTimeout(() => {
      controller.abort(new Error('enough'))
    }, 100)
    await expect(sleeping).rejects.toThrow('enough')
    expect(
      await session.query(
        "SELECT count(*)::int4 AS sleeping FROM pg_stat_activity WHERE query LIKE '%sleep(30)%' AND state = 'active' AND pid <> pg_backend_pid()",
        [],
        never,
      ),
    ).toEqual([{ sleeping: 0 }])
  })

  test('of several statements in one text the rows of the last are given', async () => {
    const session = await connected()
    expect(await session.query('SELECT 1 AS n; SELECT 2 AS n', [], never)).toEqual([{ n: 2 }])
    expect(await session.query('SELECT 1 AS n; CREATE TEMP TABLE t ()', [], never)).toEqual([])
  })

  test('statements run one after another, in the order of the calls', async () => {
    const session = await connected()
    const results = await Promise.all([1, 2, 3].map(n => session.query('SELECT $1::int4 AS n', [n], never)))
    expect(results).toEqual([[{ n: 1 }], [{ n: 2 }], [{ n: 3 }]])
  })

  test('a transaction that failed is rolled back whatever its limits of time were, and these hold again afterwards', async () => {
    const session = await connected()
    const long = { timeoutMs: 3_600_000 }
    await session.query('BEGIN', [], never)
    expect((await faultOf(session.query('SELECT 1 / 0', [], never, long))).message).toContain(
      'division by zero',
    )
    await session.query('ROLLBACK', [], never)
    expect(await session.query('SHOW statement_timeout', [], never, long)).toEqual([
      { statement_timeout: '1h' },
    ])
  })

  test('lost aborts when the backend is terminated, and the statement under way fails with a hint', async () => {
    const session = await connected()
    const sleeping = faultOf(session.query('SELECT pg_sleep(30)', [], never))
    await new Promise(resolve => setTimeout(resolve, 100))
    await server.query('SELECT pg_terminate_backend($1)', [session.backendPid])
    expect((await sleeping).code).toBe('POSTGRES_UNREACHABLE')
    await expect.poll(() => session.lost.aborted).toBe(true)
    expect((await faultOf(session.query('SELECT 1', [], never))).hint).toContain('restarted')
  })

  test('closing is not a loss', async () => {
    const session = await connected()
    await session.close()
    expect(session.lost.aborted).toBe(false)
  })

  test.each([
    [
      'a missing socket',
      () => 'postgresql://postgres@/postgres?host=/nonexistent',
      'POSTGRES_UNREACHABLE',
      /no socket \/nonexistent\/\.s\.PGSQL\.5432/,
    ],
    [
      'a port on which nothing listens',
      () => 'postgresql://postgres@127.0.0.1:1/postgres',
      'POSTGRES_UNREACHABLE',
      /nothing listens on 1/,
    ],
    [
      'a host that does not exist',
      () => 'postgresql://postgres@no-such-host.invalid/postgres',
      'POSTGRES_UNREACHABLE',
      /no-such-host|name server/,
    ],
    [
      'a wrong password',
      () => `postgresql://strict:wrong@127.0.0.1:${String(server.port)}/postgres`,
      'POSTGRES_REFUSED',
      /Check the password/,
    ],
    [
      'a missing password',
      () => `postgresql://strict@127.0.0.1:${String(server.port)}/postgres`,
      'POSTGRES_REFUSED',
      /~\/\.pgpass/,
    ],
    [
      'no entry in pg_hba.conf',
      () => `postgresql://nobody@127.0.0.1:${String(server.port)}/postgres`,
      'POSTGRES_REFUSED',
      /pg_hba\.conf/,
    ],
    [
      'a database that does not exist',
      () => `postgresql://postgres@127.0.0.1:${String(server.port)}/nix`,
      'POSTGRES_REFUSED',
      /existing database/,
    ],
    [
      'encryption that the server can not do',
      () => `postgresql://postgres@127.0.0.1:${String(server.port)}/postgres?sslmode=require`,
      'POSTGRES_REFUSED',
      /sslmode=disable/,
    ],
  ])('%s is told with what to do', async (_, text, code, hint) => {
    const fault = await faultOf(connect(text(), options, never))
    expect(fault.code).toBe(code)
    expect(fault.hint).toMatch(hint)
    expect(`${fault.message} ${fault.hint}`).not.toContain('wrong ')
  })

  test('a role that lacks rights is told the GRANT', async () => {
    const session = await connected(`${server.connectionString}&user=plain`)
    const fault = await faultOf(session.query("SELECT pg_backup_start('x', true)", [], never))
    expect(fault.code).toBe('POSTGRES_REFUSED')
    expect(fault.hint).toContain(
      'GRANT EXECUTE ON FUNCTION pg_catalog.pg_backup_start(text, boolean) TO plain;',
    )
    expect(
      (await faultOf(session.query("SELECT current_setting('data_directory')", [], never))).hint,
    ).toContain('GRANT pg_monitor TO plain;')
  })
})
