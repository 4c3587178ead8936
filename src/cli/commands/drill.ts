/** `holdfast drill` */
import { Fault } from '../../base/fault.ts'
import { drillKinds } from '../../config/drills.ts'
import { defineCommand, flag, value } from '../command.ts'
import { asChoice, asSize, asText, usageFault } from '../usage.ts'

export const drill = defineCommand({
  words: ['drill'],
  summary: 'Prove a restore: bring a backup back, start it, ask it questions, measure, and throw it away.',
  description:
    'Restores to scratch space, as `drills` in the configuration says: each kind from each repository in turn, to the latest or to a random point. ' +
    'Starts PostgreSQL on a private socket that nobody else reaches, replays to the target, and goes through a checklist: whether every database lets us in, ' +
    'all files are there, visibility maps are true, heaps and indexes are sound, pages have the right checksum, tables have the rows that they should have, your own ' +
    'assertions hold, the application can work with it. Each question is answered, or it is told why it was not asked. The report is kept in the repository. ' +
    'Everything that was made is removed, also what a drill that was killed has left. Nothing is changed in the live server.',
  operation: { unless: ['clean'] },
  keepsToRates: true,
  arguments: {},
  options: {
    kind: value(
      'KIND',
      asChoice(...drillKinds),
      'Restore this: backup, dump or snapshot (else whose turn it is).',
    ),
    repository: value(
      'NAME',
      asText,
      'Restore from this repository and no other, as if the others were lost (else whose turn it is).',
    ),
    backup: value('ID', asText, 'Restore this backup or dump, to the end of the WAL.'),
    target: value(
      'latest|random',
      asChoice('latest', 'random'),
      'To the latest point, or to a random one of the window (else as the configuration says).',
    ),
    seed: value(
      'SEED',
      asSeed,
      'Choose by chance what the drill with this seed chose; it stands in the report.',
    ),
    scratchDir: value(
      'DIR',
      asText,
      'Restore into a folder of this one (else drills.scratch, else the temporary folder).',
    ),
    forecast: value(
      'SIZE',
      asSize,
      'Run none; tell from the drills before how long a restore of a cluster of this size would take, phase by phase.',
    ),
    clean: flag('Only remove what drills that were killed have left behind, with their servers.'),
  },
  examples: [
    { command: 'holdfast drill', doc: 'Whose turn it is.' },
    {
      command: 'holdfast drill --repository second --target random',
      doc: 'A random point of the window, from the copy in the second region alone.',
    },
    { command: 'holdfast drill --kind dump', doc: 'The latest dump, with its rows counted.' },
    { command: 'holdfast drill --forecast 100GB', doc: 'How long would it take, were it that large?' },
    { command: 'holdfast drill --clean', doc: 'After a crash.' },
  ],
  async run(context, given) {
    if (given.forecast !== undefined) {
      const { tellForecast } = await import('../run-forecast.ts')
      await tellForecast(context, given.forecast)
      return undefined
    }
    const [{ cleanLeft, drillAndKeep }, { drillListing, failureText }] = await Promise.all([
      import('../run-drill.ts'),
      import('../describe-drill.ts'),
    ])
    const { output } = context
    const left = await cleanLeft(context, given.scratchDir)
    for (const { path, kept } of left)
      if (kept === undefined) output.note(`removed ${path}, which a drill that was killed had left behind`)
      else output.warn(`${path} is left of another drill, and stays: ${kept}`)
    if (given.clean) {
      output.result({ left: left.map(({ path, kept }) => ({ path, kept: kept ?? null })) }, () =>
        left.length === 0 ? 'nothing was left behind\n' : '',
      )
      return undefined
    }
    const report = await drillAndKeep(context, given)
    output.result(report, () => drillListing(report))
    if (report.outcome === 'passed') return undefined
    throw new Fault('DRILL_FAILED', failureText(report), {
      hint: `${report.fault ? `${report.fault.hint} ` : ''}See docs/runbooks/failed-drill.md for what each answer means, and what to do.`,
    })
  },
})

/** As reports tell it. */
function asSeed(text: string): number {
  if (/^[0-9a-f]{1,8}$/i.test(text)) return Number.parseInt(text, 16)
  throw usageFault(`"${text}" is not a seed`, 'Take it from the report of a drill: 9f03c4a1.')
}
