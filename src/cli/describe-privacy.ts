/** The privacy report in words: for people, and as a page for a record of processing (GDPR, article 30). */
import { day, formatDuration, formatTime } from '../base/units.ts'
import { keepsEverything, periods, type KeepRules } from '../policy/keep-rules.ts'
import type { RetentionRules } from '../policy/retention.ts'
import type { PrivacyPlace, PrivacyReport, Reader } from './privacy-report.ts'
import { counted, listingOf, tableOf } from './table.ts'

/** How long what is kept, one clause for each kind. */
export function rulesInWords(rules: RetentionRules): readonly string[] {
  return [
    `backups: ${keepInWords(rules)}`,
    `dumps: ${keepInWords(rules.dumps ?? {})}`,
    ...(rules.snapshots && !keepsEverything(rules.snapshots)
      ? [`snapshots: ${keepInWords(rules.snapshots)}`]
      : []),
    `WAL: ${rules.walMs === undefined ? 'as long as the oldest backup' : spanText(rules.walMs)}`,
    `never fewer than ${counted(rules.minimum, 'good backup')}`,
  ]
}

function keepInWords(rules: KeepRules): string {
  if (keepsEverything(rules)) return 'for ever: no rule lets them go'
  const parts = [
    rules.last === undefined ? undefined : `the last ${String(rules.last)}`,
    rules.withinMs === undefined ? undefined : spanText(rules.withinMs),
    ...periods.map(period => {
      const count = rules[period]
      return count === undefined ? undefined : `${String(count)} ${period}`
    }),
  ]
  return parts.filter(part => part !== undefined).join(', ')
}

const spanText = (ms: number): string => (ms % day === 0 ? `${String(ms / day)}d` : formatDuration(ms))

export function privacyText(report: PrivacyReport): string {
  const { places, readers, erasures } = report
  return [
    listingOf([
      ['cluster', report.cluster],
      ['as of', second(report.at)],
    ]),
    ...places.map(place => listingOf(placeLines(place))),
    readersText(readers),
    listingOf([['forgotten', erasuresText(erasures)]]),
  ].join('\n')
}

type Line = readonly [name: string, text: string]

function placeLines(place: PrivacyPlace): readonly Line[] {
  return [
    ['repository', place.name],
    [
      'lies at',
      `${place.location} (${place.provider}${place.region === null ? '' : `, region ${place.region}`})`,
    ],
    ...(place.copyOf === null ? [] : [['copy of', place.copyOf] as const]),
    ['key holders', holdersText(place)],
    ['kept', place.kept.join('; ')],
    ...(place.lock === null ? [] : [['locked', `${place.lock}: nobody deletes before the time`] as const]),
    ['holds', holdsText(place)],
  ]
}

const holdersText = ({ recipients }: PrivacyPlace): string =>
  recipients.length === 0
    ? 'NOT ENCRYPTED by Holdfast: whoever may read the storage reads the data'
    : `whoever has the secret key of ${recipients.join(', ')}`

function holdsText({ holds }: PrivacyPlace): string {
  if (holds === null) return 'not known: it could not be read'
  const { backups, dumps, oldest } = holds
  const since = oldest === null ? '' : `, the oldest of ${second(oldest)}`
  return `${counted(backups, 'backup')}, ${counted(dumps, 'dump')}${since}`
}

function readersText({ people, ...from }: PrivacyReport['readers']): string {
  const head = `who opened data (${trailsText(from)}):\n`
  if (people.length === 0) return `${head}nobody\n`
  return head + tableOf(people, readerColumns)
}

function trailsText({ trail, isOfAllHosts }: Omit<PrivacyReport['readers'], 'people'>): string {
  if (isOfAllHosts) return 'by the audit trails of all hosts'
  if (trail === undefined) return 'not known: no audit trail can be read'
  return `by the audit trail of this host alone, ${trail}: no key opens those of the others here`
}

const readerColumns = [
  { head: 'WHO', of: ({ who }: Reader) => who },
  { head: 'TIMES', of: ({ times }: Reader) => String(times), align: 'right' as const },
  { head: 'LAST', of: ({ last }: Reader) => second(last) },
  { head: 'BY', of: ({ verbs }: Reader) => verbs.join(', ') },
]

const erasuresText = ({ inForce, withdrawn, restores, skipped }: PrivacyReport['erasures']): string =>
  `${counted(inForce, 'request')} in force, ${String(withdrawn)} withdrawn; ${counted(restores, 'restore')} looked at them${skipped === 0 ? '' : `, ${String(skipped)} left them out`}`

const second = (iso: string): string => formatTime(Math.floor(Date.parse(iso) / 1000) * 1000)

/** What only people know is left to be filled in. */
export function privacyMarkdown(report: PrivacyReport): string {
  const { cluster, at, places, readers, erasures } = report
  const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |\n`
  return [
    `# Record of processing: backups of ${cell(cluster)}\n\nAs of ${second(at)}.\n`,
    `| | |\n|---|---|\n${[
      ['Controller, contact, data protection officer', '(fill in)'],
      [
        'Purpose',
        'Availability and recovery of the data after loss or damage (GDPR, article 32 (1) b and c)',
      ],
      ['Persons and data', '(fill in: all that the databases of this cluster hold)'],
      ['Recipients', '(fill in: processors who operate the storage named below)'],
      ['Transfers to third countries', '(fill in, by the regions below)'],
    ]
      .map(row)
      .join('')}`,
    `## Where backups lie, and who can open them\n\n| repository | place | region | key holders | holds |\n|---|---|---|---|---|\n${places
      .map(place =>
        row([
          place.name,
          `${place.location} (${place.provider})`,
          place.region ?? '(fill in)',
          holdersText(place),
          holdsText(place),
        ]),
      )
      .join('')}`,
    `## Time limits for erasure\n\n| repository | kept | locked |\n|---|---|---|\n${places
      .map(place => row([place.name, place.kept.join('; '), place.lock ?? 'no']))
      .join('')}`,
    `## Who opened data\n\n${capital(trailsText(readers))}.\n\n${
      readers.people.length === 0
        ? 'Nobody.\n'
        : `| who | times | last | by |\n|---|---|---|---|\n${readers.people
            .map(({ who, times, last, verbs }) => row([who, String(times), second(last), verbs.join(', ')]))
            .join('')}`
    }`,
    `## Requests to forget\n\n${erasuresText(erasures)}. Every restore applies those in force before anybody can connect.\n`,
    '## Measures\n\nEncryption to public keys before anything leaves the database host; objects are written once, and checked when read; every restore and every use of a key is in the audit trail; restores are proven by drills.\n',
  ].join('\n')
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)

/** Of a table: what would end the cell, or be taken for markup, is told as it is. */
const cell = (text: string): string => text.replaceAll(/[\\|`*_<>[\]]/g, '\\$&').replaceAll('\n', ' ')
