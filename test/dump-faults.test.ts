/** What can go wrong with a dump: nothing is committed, and nothing half done stays. */
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DumpRecord } from '../src/repository/format/dump-record.ts'
import { describeRun, type Run } from './support/holdfast.ts'
import { openDumpLab, type DumpLab } from './support/dump-lab.ts'
import { keysOf } from './support/repository-files.ts'
import { until } from './support/until.ts'

let lab: DumpLab

beforeAll(async () => {
  lab = await openDumpLab(15, { major: 15, build: 'debian' })
})
afterAll(() => lab[Symbol.asyncDispose]())

const dumpKeys = (): readonly string[] =>
  keysOf(lab.repositoryDirectory).filter(key => key.includes('/dumps/'))

async function failing(args: readonly string[], code: string, said: string): Promise<Run> {
  const before = dumpKeys()
  const run = await lab.run([...args, '--json'])
  expect(run.status, describeRun(run)).not.toBe(0)
  expect(run.err).toContain(`"${code}"`)
  expect(run.err).toContain(said)
  expect(dumpKeys()).toEqual(before)
  return run
}

/** Starts a dump whose pg_dump waits for a lock, so that it can be met half way; `meddle` ends it. */
async function whileDumping(
  args: readonly string[],
  meddle: (pid: number, kill: (signal: NodeJS.Signals) => void) => Promise<unknown>,
): Promise<Run> {
  const blocker = await lab.server.connect('shop & co')
  try {
    await blocker.query('BEGIN; LOCK TABLE large IN ACCESS EXCLUSIVE MODE')
    const running = lab.start(['dump', 'shop & co', '--json', ...args])
    const pid = await until('pg_dump waits for the lock', async () => {
      const [row] = await lab.server.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'`,
      )
      return row?.pid
    })
    await meddle(pid, signal => {
      running.kill(signal)
    })
    return await running.ended
  } finally {
    await blocker.end()
  }
}

describe('a dump that can not be made', () => {
  test('of a database that does not exist names the nearest one', async () => {
    await failing(['dump', 'shop & com'], 'POSTGRES_REFUSED', 'there is no database')
  })

  test('of a pattern that fits nothing says so, in the words of pg_dump', async () => {
    await failing(['dump', 'shop & co', '--table', 'no_such'], 'DUMP_FAILED', 'no matching tables were found')
  })

  test('is refused when pg_dump is older than the server, with the package to install', async () => {
    const old = '#!/bin/sh\necho "pg_dump (PostgreSQL) 13.9"\n'
    const config = lab.writeConfig('old.yaml', {
      postgres: { connection: lab.server.connectionString, bin_directory: lab.server.root },
    })
    lab.write(join(lab.server.root, 'pg_dump'), old)
    chmodSync(join(lab.server.root, 'pg_dump'), 0o755)
    const run = await failing(['--config', config, 'dump'], 'PROGRAM_MISSING', 'which is older')
    expect(run.err).toContain('postgresql-client-15')
  })

  test.each([[[]], [['--jobs', '2']]])(
    'waits for a locked table no longer than --lock-wait %j',
    async args => {
      const before = dumpKeys()
      const run = await whileDumping(['--lock-wait', '1s', ...args], () => Promise.resolve())
      expect(run.status).not.toBe(0)
      expect(run.err).toMatch(/DUMP_FAILED.*timeout.*Somebody holds a lock/s)
      expect(dumpKeys()).toEqual(before)
    },
  )
})

describe('a dump that is broken off', () => {
  test('by the end of the connection keeps nothing', async () => {
    const before = dumpKeys()
    const run = await whileDumping([], pid => lab.server.query(`SELECT pg_terminate_backend(${String(pid)})`))
    expect(run.status).toBe(40)
    expect(run.err).toContain('terminating connection')
    expect(dumpKeys()).toEqual(before)
  })

  test('by the end of its snapshot keeps nothing', async () => {
    const before = dumpKeys()
    const run = await whileDumping([], () =>
      lab.server.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast dump'`,
      ),
    )
    expect(run.status).toBe(40)
    expect(dumpKeys()).toEqual(before)
  })

  test('by SIGINT keeps nothing, and leaves no pg_dump', async () => {
    const before = dumpKeys()
    const run = await whileDumping([], (_, kill) => {
      kill('SIGINT')
      return Promise.resolve()
    })
    expect(run.status, describeRun(run)).toBe(130)
    expect(dumpKeys()).toEqual(before)
    await until('no pg_dump is left', async () => {
      const left = await lab.server.query(`SELECT 1 FROM pg_stat_activity WHERE application_name = 'pg_dump'`)
      return left.length === 0
    })
  })

  test('by SIGKILL is no dump, and the next one is', async () => {
    await whileDumping([], (_, kill) => {
      kill('SIGKILL')
      return Promise.resolve()
    })
    expect(dumpKeys().filter(key => key.endsWith('dump.json'))).toEqual([])
    const dump = await lab.json<DumpRecord>(['dump', 'shop & co'])
    expect(dumpKeys().filter(key => key.endsWith('dump.json'))).toEqual([`lab/dumps/${dump.id}/dump.json`])
  })
})
