/** `holdfast verify` */
import { defineCommand, flag, optionalArgument } from '../command.ts'
import { usageFault } from '../usage.ts'
import { asOfOption, repositoryOption } from './common.ts'

export const verify = defineCommand({
  words: ['verify'],
  summary: 'Read back what is stored and check all of it.',
  description:
    "Reads every object: hashes, seals, compressed frames, files, page checksums, and the WAL from each backup's start on. " +
    'Damage is reported by backup and file, with what it costs. Exits with 25 when there is any. Without a key, every object of a ' +
    'sealed backup is compared with its SHA-256, and what could not be checked is said.',
  operation: {},
  keepsToRates: true,
  arguments: { id: optionalArgument('ID', 'Only this backup and the WAL it needs.') },
  options: {
    repository: repositoryOption,
    all: flag('Every repository of the configuration, and what lies in its archive, one after the other.'),
    asOf: asOfOption,
  },
  examples: [
    { command: 'holdfast verify', doc: 'Everything in the first repository.' },
    { command: 'holdfast verify --all', doc: 'Everything in all of them.' },
    {
      command: 'holdfast verify 20260301T020000Z-full',
      doc: 'One backup, and the WAL that it needs to become consistent.',
    },
  ],
  async run(context, given) {
    if (given.all && given.repository !== undefined)
      throw usageFault('--all and --repository exclude one another', 'Leave one of them out.')
    const [{ verifyAll, verifyOne, exitOf, withArchives }, { verifyListing, verifyListings }] =
      await Promise.all([import('../verify-setup.ts'), import('../describe-verify.ts')])
    const { output } = context
    const names = Object.keys((await context.config()).config.repositories)
    const request = { id: given.id, asOfMs: given.asOf }
    const one = given.all ? undefined : await verifyOne(context, { ...request, repository: given.repository })
    const places = one ? [] : await withArchives(context, names)
    const all = one ? [] : await verifyAll(context, places, request)
    if (one) output.result(one, () => verifyListing(one))
    else output.result(all, () => verifyListings(all))
    const exit = exitOf(one ? [one] : all)
    if (exit !== undefined && names.length > 1)
      output.note('`holdfast repair` heals a repository from another one that has whole what this one lacks')
    return exit
  },
})
