/** Restores of a lab, each in a folder of its own, and the servers that come up on them. */
import { describeRun, jsonOf, type Run } from './holdfast.ts'
import { makeRoot, serverOn, type TestServer } from './postgres-server.ts'
import type { Build } from './postgres-binaries.ts'
import { tail, type Lab } from './repository-lab.ts'
import { until } from './until.ts'

export interface Restored extends AsyncDisposable {
  /** Not started yet. */
  readonly server: TestServer
  readonly run: Run
}

export interface RestoreOptions {
  readonly build?: Build | undefined
}

/** Runs `holdfast restore` into a new folder, however it ends. */
export async function tryRestore(
  lab: Lab,
  args: readonly string[],
  options: RestoreOptions = {},
): Promise<Restored> {
  const server = await serverOn(makeRoot(), { major: lab.server.major, build: options.build })
  try {
    const run = await lab.run(['restore', '--target-dir', server.dataDirectory, '--yes', '--json', ...args])
    return { server, run, [Symbol.asyncDispose]: () => server.remove() }
  } catch (error) {
    await server.remove()
    throw error
  }
}

/** Runs `holdfast restore` into a new folder; anything but success fails the test. */
export async function restore(
  lab: Lab,
  args: readonly string[],
  options: RestoreOptions = {},
): Promise<Restored> {
  const restored = await tryRestore(lab, args, options)
  if (restored.run.status === 0) return restored
  await restored.server.remove()
  throw new Error(describeRun(restored.run))
}

/** Restores, starts the server and waits until it has reached its target. */
export async function restoreAndStart(
  lab: Lab,
  args: readonly string[],
  options: RestoreOptions = {},
): Promise<Restored> {
  const restored = await restore(lab, args, options)
  try {
    await restored.server.start()
    await untilRecovered(restored.server)
    return restored
  } catch (error) {
    const log = tail(restored.server.log())
    await restored.server.remove()
    throw new Error(`${describeRun(restored.run)}\n${log}`, { cause: error })
  }
}

/** Until the server is promoted, or paused at its target. */
export async function untilRecovered(server: TestServer): Promise<'promoted' | 'paused'> {
  const client = await server.connect()
  try {
    return await until(`the server reaches its target: ${tail(server.log())}`, async () => {
      const state = await client.query<{ state: 'promoted' | 'paused' | 'replaying' }>(`
        SELECT CASE WHEN NOT pg_is_in_recovery() THEN 'promoted'
                    WHEN pg_get_wal_replay_pause_state() = 'paused' THEN 'paused'
                    ELSE 'replaying' END AS state`)
      const [row] = state.rows
      return row === undefined || row.state === 'replaying' ? undefined : row.state
    })
  } finally {
    await client.end()
  }
}

/** The JSON of a restore that failed: `{"error": {…}}` is the last line of standard error. */
export function faultOf(run: Run): {
  readonly code: string
  readonly message: string
  readonly hint: string
} {
  const line = run.err.trim().split('\n').at(-1) ?? ''
  if (!line.startsWith('{')) throw new Error(`no fault as JSON: ${describeRun(run)}`)
  return jsonOf<{ error: { code: string; message: string; hint: string } }>({ ...run, out: line }).error
}
