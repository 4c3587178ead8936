/** The agent's log for a person at a terminal: a line of words for each event. */
import type { Log, LogFields } from '../base/log.ts'
import { formatDuration, formatTime } from '../base/units.ts'
import type { Clock } from '../base/world.ts'

export function textLog(write: (line: string) => void, clock: Pick<Clock, 'now'>): Log {
  const line = (mark: string, event: string, fields: LogFields = {}): void => {
    const words = Object.entries(fields).flatMap(([name, value]) =>
      value === undefined ? [] : told(name, value),
    )
    const what = words.length > 0 ? `: ${words.join(', ')}` : ''
    write(`${formatTime(clock.now())}  ${mark}${event}${what}\n`)
  }
  return {
    info: (event, fields) => line('', event, fields),
    warn: (event, fields) => line('WARNING  ', event, fields),
  }
}

function told(name: string, value: string | number | boolean): string {
  if (typeof value === 'number' && name.endsWith('Ms')) return `${name.slice(0, -2)} ${formatDuration(value)}`
  return `${name} ${String(value)}`
}
