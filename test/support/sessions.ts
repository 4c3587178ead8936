/** What of Holdfast is connected to a server. */
import { expect } from 'vitest'
import type { TestServer } from './postgres-server.ts'
import { until } from './until.ts'

/** A backup holds the server in backup mode for as long as its connection lives, and not longer. */
export async function untilDisconnected(server: TestServer): Promise<void> {
  await until('the server has seen that the connection is gone', async () => {
    return (await sessionsOf(server)).length === 0
  })
  expect(await sessionsOf(server)).toEqual([])
}

export async function sessionsOf(server: TestServer): Promise<readonly number[]> {
  const rows = await server.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE application_name ILIKE 'holdfast%' AND pid <> pg_backend_pid()",
  )
  return rows.map(row => row.pid)
}
