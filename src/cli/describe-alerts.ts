/** Alerts and their sinks, for people. */
import { formatDuration } from '../base/units.ts'
import { tableOf, type Column } from './table.ts'
import type { SinkTest } from './test-sinks.ts'

const testColumns: readonly Column<SinkTest>[] = [
  { head: 'SINK', of: ({ sink }) => sink },
  { head: 'KIND', of: ({ kind }) => kind },
  { head: 'TEST', of: ({ ok }) => (ok ? 'arrived' : 'FAILED') },
  { head: 'TOOK', of: ({ durationMs }) => formatDuration(durationMs), align: 'right' },
]

export function testsText(tests: readonly SinkTest[]): string {
  const troubles = tests.flatMap(({ message, hint }) =>
    message === null ? [] : [`\n${message}\n${hint === null ? '' : `→ ${hint}\n`}`],
  )
  return `${tableOf(tests, testColumns)}${troubles.join('')}`
}
