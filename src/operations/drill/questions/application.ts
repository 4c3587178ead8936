/** Whether the application can work with what came back: by a command of its owner's, whose exit status counts. */
import type { Config } from '../../../config/config.ts'
import { isFault } from '../../../base/fault.ts'
import type { Environment } from '../../../postgres/connection-string.ts'
import type { RunProgram } from '../../../snapshots/run-program.ts'
import { failed, inShort, notAsked, ok, type Answer } from '../checklist.ts'
import type { RestoredCluster } from '../restored-cluster.ts'

/** Of what it says, the last lines. */
const saidLinesMax = 10

export async function askApplication(
  { target, superuser }: RestoredCluster,
  application: Config['drills']['application'],
  { run, environment }: { readonly run: RunProgram; readonly environment: Environment },
  signal: AbortSignal,
): Promise<Answer> {
  if (!application) return notAsked('no command is configured (drills.application)')
  const { command, database, user = superuser, timeLimit } = application
  const host = target.host ?? ''
  const port = String(target.port)
  const query = new URLSearchParams({ host, port, user, dbname: database })
  const connection = {
    DATABASE_URL: `postgresql:///?${query.toString().replaceAll('+', '%20')}`,
    PGHOST: host,
    PGPORT: port,
    PGUSER: user,
    PGDATABASE: database,
  }
  const own = Object.fromEntries(
    Object.entries(environment).filter((pair): pair is [string, string] => pair[1] !== undefined),
  )
  try {
    const call = {
      words: ['/bin/sh', '-c', command] as const,
      timeLimitMs: timeLimit,
      environment: { ...own, ...connection },
    }
    const { status, stdout, stderr } = await run(call, signal)
    const said = `${stdout}\n${stderr}`
      .split('\n')
      .filter(line => line.trim() !== '')
      .slice(-saidLinesMax)
    return status === 0 ? ok('status 0', ...said) : failed(`it ended with status ${String(status)}`, said)
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error)) throw error
    return failed(inShort(error))
  }
}
