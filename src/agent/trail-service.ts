/** Copies the audit trail to repositories that were away when an operation wanted to: `audit send` as a process, until it succeeds. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { owedMark } from '../audit/folder.ts'
import { startedByVariable } from '../audit/who.ts'
import { auditLimits } from '../audit/limits.ts'
import { startChild, unstarted } from './child.ts'
import { endIn, isOver, type ServiceDeps } from './copies-service.ts'

const name = '_audit'

/** Until the signal; then its process has ended, too. `folder`: of the trail, which a new configuration may move. */
export async function keepSendingTrail(
  deps: ServiceDeps,
  folder: () => string,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = deps
  const runsFolder = join(deps.folder, 'runs')
  let pauseMs = auditLimits.owedPauseMsFirst
  while (!signal.aborted) {
    await clock.sleep(pauseMs, signal).catch(() => undefined)
    if (isOver(signal) || !(await exists(join(folder(), owedMark)))) continue
    const line = await deps.lineOf(['audit', 'send'])
    const environment = { ...deps.environment, [startedByVariable]: 'agent' }
    const launch = { runsFolder, name, startedMs: clock.now() }
    const child = await startChild(launch, line, environment).catch(unstarted)
    const { exit, err } = await endIn(child, clock, signal)
    if (isOver(signal)) return
    if (exit === 0) {
      log.info('audit.sent', {})
      pauseMs = auditLimits.owedPauseMsFirst
    } else {
      pauseMs = Math.min(2 * pauseMs, auditLimits.owedPauseMsMax)
      log.warn('audit.owed', { exit, pauseMs, message: err.trim().split('\n').at(-1) })
    }
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
