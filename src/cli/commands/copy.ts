/** `holdfast copy` */
import { defineCommand, flag, severalArguments, value } from '../command.ts'
import { asText, usageFault } from '../usage.ts'
import { thawOption } from './common.ts'

export const copy = defineCommand({
  words: ['copy'],
  summary: 'Fill a repository from another one, for a second region.',
  description:
    'Copies backups, dumps and WAL, without touching PostgreSQL, into each repository that says `copy_of`, or from one to another that are named. ' +
    'Every object is checked by its hash when it is read and when it has arrived; what is there already is not copied again, and ' +
    'what a copy that was cut off left is checked. A backup is committed when all that it needs is there. Where the recipients ' +
    'differ, the keys of the objects are wrapped anew; the data stays as it is. What lies in a cold storage class is left there and ' +
    'told, unless --thaw asks for it. Exits with 37 when something could not be copied.',
  operation: { unless: ['dryRun'], target: ['to'] },
  keepsToRates: true,
  arguments: {
    ids: severalArguments('ID', 'Only these backups and dumps, with the WAL and the backups that they need.'),
  },
  options: {
    from: value('NAME', asText, 'The repository to copy from.'),
    to: value('NAME', asText, 'The repository to fill.'),
    backups: flag('Only backups, with the WAL that makes them consistent.'),
    dumps: flag('Only dumps.'),
    wal: flag('Only WAL.'),
    watch: flag('Go on: copy each new object soon after it appears, until stopped by SIGTERM.'),
    thaw: thawOption,
    dryRun: flag('Only show what would be copied, and why.'),
  },
  examples: [
    { command: 'holdfast copy', doc: 'Bring every repository that is a `copy_of` another up to date.' },
    { command: 'holdfast copy --dry-run', doc: 'Show what is missing there.' },
    {
      command: 'holdfast copy --from main --to second 20260301T020000Z-full',
      doc: 'One backup, with the WAL that it needs.',
    },
    {
      command: 'holdfast copy --thaw bulk',
      doc: 'Also what lies in a cold storage class: asks for it and waits.',
    },
    { command: 'holdfast copy --watch', doc: 'Keep the copies up to date, as a service.' },
  ],
  async run(context, { ids, from, to, backups, dumps, wal, watch, thaw, dryRun }) {
    if (watch && (dryRun || ids.length > 0))
      throw usageFault('--watch goes with neither --dry-run nor IDs', 'Leave one of them out.')
    if (thaw !== undefined && (watch || dryRun))
      throw usageFault('--thaw goes with neither --watch nor --dry-run', 'Leave one of them out.')
    const asked = [backups, dumps, wal, ids.length > 0].filter(Boolean).length
    if (asked > 1)
      throw usageFault(
        'only one goes at a time of --backups, --dumps, --wal and IDs',
        'Without any of them, everything is copied.',
      )
    const [{ copyPairs }, { config }] = await Promise.all([import('../copy-pairs.ts'), context.config()])
    const pairs = copyPairs(config.repositories, { from, to })
    const scope = {
      ids: ids.length > 0 ? ids : undefined,
      wal: wal || asked === 0,
      backups: !wal && !dumps,
      dumps: !wal && !backups,
    }
    if (watch) return (await import('../watch-copies.ts')).watchCopies(context, pairs, scope)
    return (await import('../run-copies.ts')).runCopies(context, pairs, { ...scope, thaw, dryRun })
  },
})
