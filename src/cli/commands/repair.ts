/** `holdfast repair` */
import { faultCatalogue } from '../../base/fault.ts'
import { defineCommand, flag, severalArguments, value } from '../command.ts'
import { asText, usageFault } from '../usage.ts'
import { repositoryOption } from './common.ts'

export const repair = defineCommand({
  words: ['repair'],
  summary: 'Heal a repository from another one.',
  description:
    'Reads everything, finds what is damaged or missing, and takes the right bytes from another repository of the configuration. ' +
    'Nothing is removed before its replacement is proven: what belongs to backups and dumps by the hash in backup.json or dump.json, WAL by opening it. ' +
    'What is right is never touched. Exits with 25 when something is wrong and stays so, or with --dry-run is wrong at all.',
  operation: { unless: ['dryRun'] },
  keepsToRates: true,
  arguments: { ids: severalArguments('ID', 'Only these backups and dumps, and not the WAL.') },
  options: {
    repository: repositoryOption,
    from: value('NAME', asText, 'Take right bytes from this repository only (else from any that has them).'),
    wal: flag('Only WAL.'),
    dryRun: flag('Only show what is wrong, and what could be mended.'),
  },
  examples: [
    {
      command: 'holdfast repair --dry-run',
      doc: 'What is wrong in the first repository, and who has it right.',
    },
    { command: 'holdfast repair --repository second', doc: 'Heal the copy.' },
    { command: 'holdfast repair 20260301T020000Z-full --from second', doc: 'One backup, from the copy.' },
  ],
  async run(context, { ids, repository, from, wal, dryRun }) {
    if (wal && ids.length > 0) throw usageFault('--wal goes with no IDs', 'Leave one of them out.')
    const [
      { repair: repairRepository },
      { openOthers, openSide },
      { repairText },
      { lockAfter },
      { config },
    ] = await Promise.all([
      import('../../operations/repair/repair.ts'),
      import('../copy-setup.ts'),
      import('../describe-repair.ts'),
      import('../lock-after.ts'),
      context.config(),
    ])
    const name = repository ?? Object.keys(config.repositories)[0] ?? ''
    if (from === name) throw usageFault(`"${name}" can not be healed from itself`, 'Name another repository.')
    const target = await openSide(context, name)
    const single = from === undefined ? undefined : await openSide(context, from)
    const others = openOthers(context, [name])
    const sources = async function* () {
      if (single) yield single
      else yield* others()
    }
    const { world, progress, log, signal, output } = context
    const scope = {
      ids: ids.length > 0 ? ids : undefined,
      backups: !wal,
      dumps: !wal,
      wal: ids.length === 0,
      dryRun,
    }
    const report = await repairRepository({ world, progress, log, target, sources }, scope, signal)
    output.result(report, () => repairText(report))
    // What was written anew has only the lock that new objects are given.
    const isHealed = report.mended.length > 0 && !dryRun
    const unlocked = isHealed ? await lockAfter(context, name, { everything: true }) : undefined
    if (unlocked) return faultCatalogue[unlocked.code].exit
    const isWrong = report.unrepaired.length > 0 || (dryRun && report.mended.length > 0)
    return isWrong ? faultCatalogue.VERIFY_FAILED.exit : undefined
  },
})
