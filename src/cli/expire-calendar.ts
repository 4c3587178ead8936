/** The calendar of what survives: a line for each month and kind, a column for each day, as the time zone counts them. */
import { isRemoved, type ExpireItem } from '../operations/expire/plan.ts'
import { calendarOf } from '../policy/calendar.ts'

const marks: Readonly<Record<string, string>> = {
  full: 'F',
  incremental: 'I',
  snapshot: 'S',
  dump: 'D',
  managed: 'M',
}
/** So many months are shown; older ones are in the table. */
const monthsMax = 36

export function calendarLines(items: readonly ExpireItem[], timeZone: string): readonly string[] {
  const calendar = calendarOf(timeZone)
  const dated = items.flatMap(({ endedAt, kind, reasons }) => {
    const mark = marks[kind]
    if (endedAt === undefined || mark === undefined) return []
    const ms = Date.parse(endedAt)
    const day = calendar.name('daily', calendar.startOf('daily', ms))
    return [{ month: day.slice(0, 7), day: Number(day.slice(8, 10)), mark, goes: isRemoved({ reasons }) }]
  })
  const rows = Map.groupBy(dated, ({ month, mark }) => `${month} ${mark}`)
  if (rows.size === 0) return []
  const ordered = [...rows.keys()].sort()
  const shown = new Set([...new Set(ordered.map(key => key.slice(0, 7)))].slice(-monthsMax))
  const lines = ordered
    .filter(key => shown.has(key.slice(0, 7)))
    .map(key => `${key.slice(0, 7)}  ${daysOf(rows.get(key) ?? [])}`)
  return [`${' '.repeat(9)}${scale}  (days in ${timeZone})`, ...lines, legend]
}

const scale = Array.from({ length: 31 }, (_, i) =>
  (i + 1) % 5 === 0 || i === 0 ? String(i + 1) : '',
).reduce((line, label, i) => (label === '' ? line : line.padEnd(i) + label), '')

const legend = '         letter: kept   x: removed   +: some kept, some removed'

interface Marked {
  readonly day: number
  readonly mark: string
  readonly goes: boolean
}

function daysOf(row: readonly Marked[]): string {
  return Array.from({ length: 31 }, (_, i) => {
    const [first, ...more] = row.filter(({ day }) => day === i + 1)
    if (!first) return '·'
    if (more.some(({ goes }) => goes !== first.goes)) return '+'
    return first.goes ? 'x' : first.mark
  }).join('')
}
