/** Somebody who tries to get into a server all the time, from everywhere that it might let people in. */
import { createServer } from 'node:net'
import { setImmediate as pause } from 'node:timers/promises'
import pg from 'pg'

export interface Door {
  readonly host: string
  readonly port: number
}

export interface Seen {
  /** What each query that was answered said, in the order of the answers. */
  readonly answers: readonly string[]
  /** Tries that did not get in. */
  readonly refused: number
}

export interface Outsider {
  /** So far. */
  readonly seen: Seen
  leave(): Promise<Seen>
}

/** Begins at once. Asks `sql` through each door, as fast as it can. */
export function startOutsider(
  doors: readonly Door[],
  { database, sql }: { readonly database: string; readonly sql: string },
): Outsider {
  const seen = { answers: [] as string[], refused: 0 }
  const state = { left: false }
  const knock = async (door: Door): Promise<void> => {
    while (!state.left) {
      const client = new pg.Client({ ...door, user: 'postgres', database, connectionTimeoutMillis: 5000 })
      client.on('error', () => undefined)
      try {
        await client.connect()
        const { rows } = await client.query<Record<string, unknown>>(sql)
        seen.answers.push(String(Object.values(rows[0] ?? {})[0]))
      } catch {
        seen.refused++
      } finally {
        await client.end().catch(() => undefined)
      }
      await pause()
    }
  }
  const knocking = Promise.all(doors.map(knock))
  return {
    seen,
    leave: async () => {
      state.left = true
      await knocking
      return seen
    },
  }
}

/** A port that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}
