/** The agent's log: a line of JSON for each event. */
import type { Log, LogFields } from '../base/log.ts'
import type { Clock } from '../base/world.ts'

export function jsonLog(write: (line: string) => void, clock: Pick<Clock, 'now'>): Log {
  const line = (level: string, event: string, fields: LogFields = {}): void => {
    write(`${JSON.stringify({ time: new Date(clock.now()).toISOString(), level, event, ...fields })}\n`)
  }
  return {
    info: (event, fields) => line('info', event, fields),
    warn: (event, fields) => line('warn', event, fields),
  }
}
