/** What a repair found and did, in words. */
import { formatBytes, formatDuration } from '../base/units.ts'
import type { RepairReport } from '../operations/repair/report.ts'
import { counted } from './table.ts'

export function repairText({
  repository,
  isDryRun,
  checked,
  mended,
  unrepaired,
  durationMs,
}: RepairReport): string {
  const read = `${repository}: read ${counted(checked.objects, 'object')}, ${formatBytes(checked.bytes)}; took ${formatDuration(durationMs)}\n`
  const verb = isDryRun ? 'can be mended' : 'mended'
  const lines = [
    ...mended.map(
      ({ object, message, from, found }) =>
        `  ${isDryRun ? 'TO MEND' : 'MENDED '}  ${object}\n           found: ${foundWords(found, shortened(message, object))}\n           right in: ${from}\n`,
    ),
    ...unrepaired.map(
      ({ object, message, hint }) =>
        `  DAMAGED  ${object}\n           found: ${shortened(message, object)}\n           → ${hint}\n`,
    ),
  ]
  const unjudged =
    checked.unjudged === 0
      ? ''
      : `  ${counted(checked.unjudged, 'WAL file')} could not be judged without a key: name the identity of "${repository}"\n`
  const cold =
    checked.cold === 0
      ? ''
      : `  ${counted(checked.cold, 'object')} in a cold storage class: there, and not read\n`
  const verdict =
    lines.length === 0
      ? 'everything is as it was written\n'
      : `${counted(mended.length, 'object')} ${verb}, ${counted(unrepaired.length, 'object')} ${isDryRun ? 'can not be' : 'not'}\n`
  return `${read}${lines.join('')}${unjudged}${cold}${verdict}`
}

/** The object stands above already. */
const shortened = (message: string, object: string): string =>
  message
    .replace(`${object} in `, 'in ')
    .replace(`${object} is damaged: `, '')
    .replace(/^in \S+ is damaged: /, '')

/** `missing: it is missing` says nothing more than `missing`. */
const foundWords = (found: string, message: string): string =>
  message === `it is ${found}` ? found : `${found}: ${message}`
