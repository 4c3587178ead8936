/** The audit trail: where it is kept, how long, and whether anything may be done without it. */
import * as z from 'zod/mini'
import { described, duration, path, section } from './values.ts'

export const audit = section({
  directory: described(
    z.optional(path()),
    "The folder of this host's trail; not one that several clusters share. Nothing said: `audit` in the agent's folder, or in `~/.local/state/holdfast/` and the name of the cluster for a user who may not write there.",
    ['/var/log/holdfast/gathr'],
  ),
  keep: described(
    z.optional(duration()),
    'How long entries are kept. Older ones go when `expire` runs: from the trail of the host on which it runs, and from the copies of all hosts in the repositories. Nothing said: for ever.',
    ['1095d'],
  ),
  required: described(
    z._default(z.boolean(), false),
    'Whether an operation is refused when its entry can not be written. Else it warns, and goes on.',
  ),
})
