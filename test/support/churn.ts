/** Tables and databases that come and go: files appear, grow, shrink and vanish under whoever reads the directory. */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { TestServer } from './postgres-server.ts'

export interface Churn extends AsyncDisposable {
  /** Rounds that are through: each makes, fills, rewrites, truncates and drops. */
  readonly rounds: number
  stop(): Promise<void>
}

export async function startChurn(server: TestServer): Promise<Churn> {
  const client = await server.connect()
  const churn = { rounds: 0, stopped: false }
  const work = (async () => {
    while (!churn.stopped) {
      await turnOver(client, churn.rounds)
      churn.rounds++
    }
  })()
  work.catch(() => undefined)
  const stop = async (): Promise<void> => {
    churn.stopped = true
    try {
      await work
    } finally {
      await client.end()
    }
  }
  return {
    get rounds() {
      return churn.rounds
    },
    stop,
    [Symbol.asyncDispose]: () => stop().catch(() => undefined),
  }
}

async function turnOver(client: pg.Client, round: number): Promise<void> {
  const name = `churn_${String(round % 5)}`
  // One by one: several in one message would be one transaction, and files vanish only at its end.
  for (const statement of [
    `DROP TABLE IF EXISTS ${name}`,
    `CREATE TABLE ${name} (n int PRIMARY KEY, text text)`,
    `INSERT INTO ${name} SELECT n, repeat('x', 200) FROM generate_series(1, 1000) n`,
    `DELETE FROM ${name} WHERE n > 100`,
    `VACUUM ${name}`,
    `VACUUM FULL ${name}`,
    `TRUNCATE ${name}`,
  ]) {
    await client.query(statement)
    // A pace: all that this writes has to be replayed by every restore.
    await delay(15)
  }
  if (round % 8 === 0) {
    await client.query('DROP DATABASE IF EXISTS churn')
    await client.query('CREATE DATABASE churn')
  }
}
