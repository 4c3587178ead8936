/** Commands of the user's own, before and after operations. */
import * as z from 'zod/mini'
import { nearest } from '../base/nearest.ts'
import { described, duration } from './values.ts'

/** The commands around which hooks run; a test compares them with the commands that there are. */
export const hookVerbs = [
  'init',
  'backup',
  'snapshot',
  'dump',
  'restore',
  'restore-dump',
  'restore-table',
  'dump-fetch',
  'drill',
  'verify',
  'archive',
  'expire',
  'hold',
  'lock',
  'copy',
  'repair',
  'wal find',
  'erase add',
  'erase withdraw',
  'erase apply',
  'erase export',
] as const

export interface Hook {
  /** A list: a program and its words. A text: for the shell. */
  readonly run: readonly string[] | string
  readonly timeLimitMs: number
}

const timeLimitMs = 5 * 60_000
const line = z.string().check(z.minLength(1), z.meta({ title: 'a shell command' }))
const program = z
  .array(z.string())
  .check(z.minLength(1), z.meta({ title: 'a list: a program and its words' }))

const longHook = z.pipe(
  z.strictObject({
    run: described(z.union([line, program]), 'A program and its words, or a text for the shell.', [
      ['/usr/bin/systemctl', 'stop', 'shop'],
    ]),
    time_limit: described(
      z.prefault(duration(), '5m'),
      'What runs for longer is killed, with all that it has started, and has failed.',
    ),
  }),
  z.transform(({ run, time_limit }): Hook => ({ run, timeLimitMs: time_limit })),
)
const hook = z.union([
  z.pipe(
    line,
    z.transform((run): Hook => ({ run, timeLimitMs })),
  ),
  z.pipe(
    program,
    z.transform((run): Hook => ({ run, timeLimitMs })),
  ),
  longHook,
])

/** By verb, or `*`: one hook, or `- { run: … }` for several. */
function byVerb() {
  const several = z.array(longHook).check(z.minLength(1))
  const each = z.union([
    z.pipe(
      hook,
      z.transform((one): readonly Hook[] => [one]),
    ),
    several,
  ])
  return z.pipe(
    z.record(z.string(), each),
    z.transform((given, context: z.core.ParsePayload) => {
      for (const verb of Object.keys(given)) {
        if (verb === '*' || hookVerbs.some(known => known === verb)) continue
        const near = nearest(verb, hookVerbs)
        const advice = near === undefined ? `known are *, ${hookVerbs.join(', ')}` : `did you mean "${near}"?`
        const message = `is no operation that hooks run around; ${advice}`
        context.issues.push({ code: 'custom', message, path: [verb], input: given })
      }
      return given
    }),
  )
}

const moment = (description: string, examples: readonly unknown[]) =>
  described(z._default(byVerb(), {}), description, examples)

export const hooks = z.strictObject({
  before: moment('Before it begins. One that fails stops the operation, and nothing has been done.', [
    { restore: ['/usr/bin/systemctl', 'stop', 'shop'] },
  ]),
  after: moment(
    'When it has ended with exit status 0. One that fails does not undo what was done; the exit status tells.',
    [{ backup: 'logger "backup $HOLDFAST_IDS is there"' }],
  ),
  failed: moment('When it has ended with another exit status, also when a hook before it failed.', [
    { '*': { run: '/usr/local/bin/page-somebody', time_limit: '30s' } },
  ]),
})
