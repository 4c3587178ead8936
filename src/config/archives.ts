/** The archive: what of the backups and dumps is kept for years, by copying it inside its repository. */
import * as z from 'zod/mini'
import { described, name, section, span, words } from './values.ts'

const archive = section({
  of: described(
    words(['backups', 'dumps']),
    'What is archived: base backups with the WAL they need, or dumps.',
  ),
  every: described(
    z._default(words(['week', 'month', 'quarter', 'year']), 'month'),
    'One of each, as `time_zone` of `retention` counts them.',
  ),
  pick: described(
    z._default(words(['first', 'last']), 'first'),
    'Which one: the first good one, or the last, which is taken once the period is over.',
  ),
  keep: described(span(), 'How long it is kept, from when it was made: `1y`, `18mo`, `400d`, or `forever`.', [
    '1y',
  ]),
  repository: described(
    z.optional(name()),
    'Where: its archive lies in the same repository. Else the first one.',
    ['main'],
  ),
})

export const archives = z.record(name(), archive)
