/** `holdfast drill list`, `show`, `verify` and `key`: what is known of drills, and whether it can be relied on. */
import { argument, defineCommand, value, values, type Command } from '../command.ts'
import { asText } from '../usage.ts'
import { oneRepositoryOption } from './common.ts'

const list = defineCommand({
  words: ['drill', 'list'],
  summary: 'List the drills, oldest first: how they went, and how long it took to return.',
  description: 'Needs no key.',
  arguments: {},
  options: { repository: oneRepositoryOption },
  examples: [
    { command: 'holdfast drill list', doc: 'A table, and the trend.' },
    { command: 'holdfast drill list --json', doc: 'All phases, sizes and objectives, for other programs.' },
  ],
  async run(context, { repository }) {
    const { listDrills } = await import('../run-drill-reports.ts')
    await listDrills(context, repository)
    return undefined
  },
})

const show = defineCommand({
  words: ['drill', 'show'],
  summary: 'Show a drill: what was asked, what was seen, and how long each phase took.',
  description:
    'Needs the secret key, since it tells of the data. With --html or --report it is written to a file, signed as it is.',
  arguments: { id: argument('ID', 'A drill; a beginning that fits only one, or `latest`.') },
  options: {
    html: value('FILE', asText, 'Write the page: to read, to print, to attach to an audit.'),
    report: value(
      'FILE',
      asText,
      'Write the report as JSON, to be kept elsewhere and checked by `drill verify`.',
    ),
    repository: oneRepositoryOption,
  },
  examples: [
    { command: 'holdfast drill show latest', doc: 'The checklist, with what was seen.' },
    { command: 'holdfast drill show latest --html drill.html', doc: 'As one page.' },
  ],
  async run(context, given) {
    const { showDrill } = await import('../run-drill-reports.ts')
    await showDrill(context, given)
    return undefined
  },
})

const verify = defineCommand({
  words: ['drill', 'verify'],
  summary: 'Check that a report says what the host of the drill said.',
  description:
    'Of a file (a report as JSON, or a page) it checks the signature; of a drill in a repository the report, the page, and what is told ' +
    "without a key. The key that signed has to be known: this host's own, one of `trusted_keys` of `drills`, or one that is given. A file can be checked anywhere, without a configuration.",
  arguments: {
    report: argument('REPORT', 'A file; or the id of a drill, a beginning that fits only one, or `latest`.'),
  },
  options: {
    key: values(
      'KEY',
      asText,
      'The key that must have signed, as `drill key` shows it. May be given several times.',
    ),
    repository: oneRepositoryOption,
  },
  examples: [
    { command: 'holdfast drill verify latest', doc: 'What the repository has of the last drill.' },
    {
      command:
        'holdfast drill verify report.html --key MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=',
      doc: 'A page that somebody sent, by the key of the host that should have signed it.',
    },
  ],
  async run(context, given) {
    const { verifyDrill } = await import('../run-drill-reports.ts')
    await verifyDrill(context, given)
    return undefined
  },
})

const key = defineCommand({
  words: ['drill', 'key'],
  summary: 'Show the public key that this host signs its drills with; makes one when there is none.',
  description:
    "The secret key is `drill-key.pem` in the agent's folder (`state` of `agent`), or in `~/.local/state/holdfast/CLUSTER` for a user who may not write there; readable by its user alone.",
  arguments: {},
  options: {},
  examples: [{ command: 'holdfast drill key', doc: 'To be known by whoever checks reports.' }],
  async run(context) {
    const { showHostKey } = await import('../run-drill-reports.ts')
    await showHostKey(context)
    return undefined
  },
})

export const drillReportCommands: readonly Command[] = [list, show, verify, key]
