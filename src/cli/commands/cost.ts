/** `holdfast cost` */
import { defineCommand, value } from '../command.ts'
import { asChoice, asText } from '../usage.ts'

export const cost = defineCommand({
  words: ['cost'],
  summary:
    'What the strategy costs a month, from what is stored; what another one would; and what costs too much.',
  description:
    'Counts what each repository in object storage holds, by kind and storage class: storage, objects that are too small or are deleted too early for their class, ' +
    'requests, one full restore, and the drills that are scheduled. Prices are list prices with their source and date, or those of the file that `prices` names. ' +
    'Lists all objects, which is a request for each thousand. docs/cost.md says how it is reckoned, and what is left out.',
  arguments: {},
  options: {
    whatIf: value(
      'FILE',
      asText,
      'Reckon with the classes, regions, retention of WAL, drills and prices of this configuration instead, and compare.',
    ),
    egress: value(
      'WHERE',
      asChoice('internet', 'region', 'none'),
      'Where to restores and drills read: over the internet (else), from another region, or within the region.',
    ),
  },
  examples: [
    { command: 'holdfast cost', doc: 'A table for each repository, and what to change.' },
    { command: 'holdfast cost --what-if cheaper.yaml', doc: 'Both, side by side.' },
    {
      command: 'holdfast cost --egress none --json',
      doc: 'Drills run where the bucket is; for other programs.',
    },
  ],
  async run(context, given) {
    const { tellCost } = await import('../run-cost.ts')
    await tellCost(context, given)
    return undefined
  },
})
