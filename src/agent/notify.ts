/** Tells systemd how the agent is, by its own program: Node speaks no datagrams over Unix sockets. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { messageOf } from '../base/fault.ts'
import type { Log } from '../base/log.ts'

export interface Notify {
  /** `READY=1`, `STATUS=…`, `STOPPING=1`, `RELOADING=1`, `WATCHDOG=1`. */
  readonly tell: (...assignments: readonly string[]) => Promise<void>
  /** How often the watchdog wants to hear; undefined: there is none. */
  readonly watchdogMs: number | undefined
}

const run = promisify(execFile)

export function notifyBy(environment: Readonly<Record<string, string | undefined>>, log: Log): Notify {
  if (environment['NOTIFY_SOCKET'] === undefined)
    return { tell: () => Promise.resolve(), watchdogMs: undefined }
  const usec = Number(environment['WATCHDOG_USEC'])
  return {
    async tell(...assignments) {
      try {
        await run('systemd-notify', [`MAINPID=${String(process.pid)}`, ...assignments], {
          env: { ...environment },
          timeout: 10_000,
        })
      } catch (error) {
        log.warn('systemd.deaf', { said: assignments.join(' '), error: messageOf(error) })
      }
    },
    watchdogMs: usec > 0 ? usec / 1000 / 3 : undefined,
  }
}
