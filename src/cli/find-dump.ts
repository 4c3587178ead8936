/** The dump that a person means by its id, or by the beginning of it. */
import { Fault } from '../base/fault.ts'
import type { KnownDump } from '../operations/sources/dumps.ts'
import { usageFault } from './usage.ts'

/** `latest` is the newest one. */
export function chooseDump(dumps: readonly KnownDump[], given: string): KnownDump {
  const fitting =
    given === 'latest' ? dumps.slice(-1) : dumps.filter(({ id }) => id === given || id.startsWith(given))
  const chosen = fitting.find(({ id }) => id === given) ?? (fitting.length === 1 ? fitting[0] : undefined)
  if (chosen) return chosen
  if (fitting.length > 1)
    throw usageFault(
      `"${given}" is the beginning of ${String(fitting.length)} dumps`,
      `Give more of the id: ${fitting.map(({ id }) => id).join(', ')}.`,
    )
  throw new Fault('BACKUP_NOT_FOUND', `there is no dump ${given}`, {
    hint: 'Run holdfast list --kind dump to see the ids.',
  })
}
