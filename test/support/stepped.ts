/** Another process, brought to a point in its work and held there: what is done then is done in the midst of it. */
import { setTimeout as delay } from 'node:timers/promises'
import { describeRun, type Running } from './holdfast.ts'

/**
 * Lets it run for a few milliseconds at a time until `isThere`, and returns while it stands still; `kill('SIGCONT')` lets
 * it go on. However slow the machine is, it does not run on while we look.
 */
export async function stepTo(
  what: string,
  running: Running,
  isThere: () => boolean | Promise<boolean>,
): Promise<void> {
  for (let steps = 0; !(await isThere()); steps++) {
    const { exitCode, signalCode } = running.child
    if (exitCode !== null || signalCode !== null)
      throw new Error(`it ended before ${what}: ${describeRun(await running.ended)}`)
    if (steps > 20_000) throw new Error(`it went on and on, and never ${what}`)
    running.kill('SIGCONT')
    await delay(4)
    running.kill('SIGSTOP')
  }
}
