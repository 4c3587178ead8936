/** pgbench beside our own writer: other shapes of load, with an invariant of its own. */
import { spawn } from 'node:child_process'
import { expect } from 'vitest'
import { findClientTool, requireTool } from './tools.ts'
import { execFileSync } from 'node:child_process'
import type { TestServer } from './postgres-server.ts'

export interface Pgbench extends AsyncDisposable {
  stop(): Promise<void>
}

export function initPgbench(server: TestServer, scale: number): void {
  execFileSync(pgbenchPath(server), ['-i', '-q', '-s', String(scale), ...addressOf(server)], {
    stdio: 'ignore',
  })
}

export function startPgbench(server: TestServer, ratePerSecond: number): Pgbench {
  const args = ['-n', '-c', '4', '-T', '600', '-R', String(ratePerSecond), ...addressOf(server)]
  const child = spawn(pgbenchPath(server), args, { stdio: 'ignore' })
  const ended = new Promise(resolve => child.once('exit', resolve))
  const stop = async (): Promise<void> => {
    child.kill('SIGINT')
    await ended
  }
  return { stop, [Symbol.asyncDispose]: stop }
}

/** Every transaction of pgbench adds the same amount to an account, a teller and a branch, and enters it. */
export async function expectPgbenchConsistent(server: TestServer, target: string): Promise<void> {
  const [sums] = await server.query(`
    SELECT (SELECT coalesce(sum(abalance), 0) FROM pgbench_accounts)::text AS accounts,
           (SELECT coalesce(sum(tbalance), 0) FROM pgbench_tellers)::text AS tellers,
           (SELECT coalesce(sum(bbalance), 0) FROM pgbench_branches)::text AS branches,
           (SELECT coalesce(sum(delta), 0) FROM pgbench_history)::text AS history`)
  const sum = String(sums?.['history'])
  expect(sums, `${target}: the sums of pgbench`).toEqual({
    accounts: sum,
    tellers: sum,
    branches: sum,
    history: sum,
  })
}

const pgbenchPath = (server: TestServer): string => requireTool(findClientTool('pgbench', server.major))

const addressOf = (server: TestServer): readonly string[] => [
  ...['-h', server.socketDirectory, '-p', String(server.port), '-U', 'postgres'],
  'postgres',
]
