/** What runs by itself, and when: jobs of the agent, or of the timers and crontabs that `policy` prints. */
import * as z from 'zod/mini'
import { nearest } from '../base/nearest.ts'
import { parseDayWindow } from '../schedule/day-window.ts'
import { parseSchedule } from '../schedule/parse-schedule.ts'
import { Complaint } from '../schedule/vocabulary.ts'
import { described, duration, integer, name, path, section, timeZone, words } from './values.ts'

/** The commands that can be jobs. Two of one kind never run at the same time. */
export const jobKinds = [
  'backup',
  'dump',
  'snapshot',
  'copy',
  'archive',
  'verify',
  'drill',
  'lock',
  'expire',
] as const
export type JobKind = (typeof jobKinds)[number]

/** `daily at 02:00`, `0 2 * * *`. */
function schedule() {
  return z.pipe(
    z.string().check(z.meta({ title: 'a schedule' })),
    z.transform((given: string, context: z.core.ParsePayload) => complaining(context, given, parseSchedule)),
  )
}

function dayWindow() {
  return z.pipe(
    z.string().check(z.meta({ title: 'a part of the day', pattern: '-' })),
    z.transform((given: string, context: z.core.ParsePayload) =>
      complaining(context, given, text => {
        const window = parseDayWindow(text)
        if (window) return window
        throw new Complaint('is not a part of the day such as 22:00-06:00')
      }),
    ),
  )
}

function complaining<T>(context: z.core.ParsePayload, given: string, parse: (text: string) => T): T {
  try {
    return parse(given)
  } catch (error) {
    if (!(error instanceof Complaint)) throw error
    context.issues.push({ code: 'custom', message: error.message, input: given })
    return z.NEVER
  }
}

const manners = {
  window: described(
    z.optional(dayWindow()),
    'The part of the day in which it may be started; what is due before waits for it. Nothing said: always.',
    ['22:00-06:00'],
  ),
  spread: described(
    z.optional(duration()),
    'It starts up to so much later than it is due, always by the same part of it, so that not all hosts start at once. At most a quarter of the time to the next run.',
  ),
  time_limit: described(z.optional(duration()), 'What runs for longer is stopped, and has failed.'),
  attempts: described(
    z.optional(integer(1, 100)),
    'So often it is tried until it is given up, and only the next run of the schedule tries again.',
  ),
  pause: described(
    z.optional(duration()),
    'The pause before it is tried again; it doubles each time, up to an hour.',
  ),
}

const job = section({
  at: described(
    schedule(),
    'When: plain words or the five fields of cron, by the clocks of `time_zone` of `agent`, or with `in Europe/Berlin` at the end. docs/agent.md has the whole language.',
    ['daily at 02:00', 'first monday of the month at 04:00', 'every 15 minutes', '0 2 * * *'],
  ),
  run: described(
    z.optional(z.string().check(z.minLength(1))),
    `What: a command with its options, without \`holdfast\`. Nothing said: the name of the job. One of ${jobKinds.join(', ')}.`,
    ['dump shop --jobs 4'],
  ),
  ...manners,
  catch_up: described(
    z._default(z.boolean(), true),
    'Whether a run that was missed while the host was down is made up for, once.',
  ),
})

/** `backup: daily at 02:00` is short for `backup: { at: daily at 02:00 }`. */
const shortJob = z.pipe(
  schedule(),
  z.transform(at => ({
    at,
    run: undefined,
    catchUp: true,
    window: undefined,
    spread: undefined,
    timeLimit: undefined,
    attempts: undefined,
    pause: undefined,
  })),
)

const statedJobs = z.record(name(), z.union([shortJob, job]))

/** Also when other jobs have mistakes of other kinds: all are told at once. */
const runCommands = z.check<z.infer<typeof statedJobs>>(
  ({ value, issues }) => {
    for (const [jobName, { run }] of Object.entries(value)) {
      const [word = ''] = wordsOf(run ?? jobName)
      if (kindOf(word)) continue
      const near = nearest(word, jobKinds)
      const advice = near === undefined ? `known are ${jobKinds.join(', ')}` : `did you mean "${near}"?`
      const what = run === undefined ? 'says no `run`, and its name' : 'runs what'
      const message = `${what} is no command that can be a job; ${advice}`
      issues.push({ code: 'custom', message, path: [jobName], input: value })
    }
  },
  { when: ({ value }) => typeof value === 'object' && value !== null },
)

export const jobs = z.pipe(
  statedJobs.check(runCommands),
  z.transform(given => {
    const found = Object.entries(given).map(([jobName, { run, ...rest }]) => {
      const command = withConsent(wordsOf(run ?? jobName))
      return [jobName, { ...rest, kind: kindOf(command[0]) ?? 'backup', command }] as const
    })
    return Object.fromEntries(found)
  }),
)

const kindOf = (word: string | undefined) => jobKinds.find(known => known === word)

/** Nobody is there to be asked: who states it in the file has answered. */
function withConsent(words: readonly string[]): readonly string[] {
  const isAsked = words[0] === 'expire' && !words.includes('--yes') && !words.includes('--dry-run')
  return isAsked ? [...words, '--yes'] : words
}

/** Words may be quoted as the shell has it; nothing in them is replaced. */
function wordsOf(line: string): readonly string[] {
  const words = line.match(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g) ?? []
  return words.map(word =>
    word.replace(/"([^"]*)"|'([^']*)'/g, (_, double, single) => String(double ?? single)),
  )
}

export const agent = section({
  time_zone: described(
    z.optional(timeZone()),
    'By whose clocks the schedules of `jobs` go. Nothing said: that of `retention`.',
    ['Europe/Berlin'],
  ),
  window: manners.window,
  spread: described(z.prefault(duration(), '5m'), 'For jobs that say none of their own. 0s: none.'),
  time_limit: described(z.prefault(duration(), '1d'), 'Likewise.'),
  attempts: described(z._default(integer(1, 100), 5), 'Likewise.'),
  pause: described(z.prefault(duration(), '1m'), 'Likewise.'),
  parallel: described(z._default(integer(1, 16), 2), 'So many jobs run at the same time.'),
  copies: described(
    z._default(words(['here', 'elsewhere']), 'here'),
    'Whether the agent of this host keeps each `copy_of` repository up to date, object by object. With a job that runs `copy`, it is done by that job.',
  ),
  nice: described(
    z._default(integer(0, 19), 10),
    'How much jobs step back for others that want the processor.',
  ),
  io: described(
    z._default(words(['normal', 'low', 'idle']), 'low'),
    'Likewise for the disk, where its scheduler knows priorities.',
  ),
  slow_down: described(
    z.optional(
      section({
        replication_lag: described(z.optional(duration()), 'A standby is so far behind in replaying.', [
          '30s',
        ]),
        latency: described(
          z.optional(duration()),
          'The simplest question takes so long, in the middle of the last few.',
          ['200ms'],
        ),
      }),
    ),
    'When one of these is passed while a job reads or sends, jobs go half as fast, and half as fast again, until it is well.',
    [{ replication_lag: '30s', latency: '200ms' }],
  ),
  stop_limit: described(
    z.prefault(duration(), '60s'),
    'What runs when the agent is told to stop gets so much time to clean up; then it is killed.',
  ),
  state: described(
    z.optional(path()),
    'The folder with what the agent remembers. Nothing said: `/var/lib/holdfast/` and the name of the cluster.',
  ),
  socket: described(
    z.optional(path()),
    'The socket at which it is spoken to. Nothing said: `/run/holdfast/` and the name of the cluster.',
  ),
})
