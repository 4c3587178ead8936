/** `holdfast agent`, and what is said to one that runs. */
import { faultCatalogue } from '../../base/fault.ts'
import { argument, defineCommand, flag, value, type Command } from '../command.ts'
import { asDuration, asRateOrNone, asText, usageFault } from '../usage.ts'

const socket = value(
  'PATH',
  asText,
  'Where the agent listens, when the configuration can not tell: while it is being changed, say.',
)

const agent = defineCommand({
  words: ['agent'],
  summary: 'Carry out the whole file: start each job when it is due, and keep copies up to date.',
  description:
    'Runs until it is stopped (SIGTERM: what runs cleans up and ends) and starts each of `jobs` by its schedule, as a process of ' +
    'its own: never two of a kind at once, what was missed once, what failed again after growing pauses. It keeps repositories ' +
    'that are a `copy_of` another up to date. SIGHUP loads the configuration again; one that is not valid is refused, and the one ' +
    'before goes on. It remembers in a small file, so that it may be killed and started at any moment. Its log is, but for a person at a terminal, a line of ' +
    'JSON for each event. docs/agent.md tells more; `holdfast policy systemd` prints its unit.',
  arguments: {},
  options: {
    check: flag('Only check the configuration and its jobs, and show when each runs next.'),
  },
  examples: [
    { command: 'holdfast agent', doc: 'As a service: see `holdfast policy systemd`.' },
    { command: 'holdfast agent --check', doc: 'When would what run?' },
  ],
  async run(context, { check }) {
    const { checkJobs, serve } = await import('../run-agent.ts')
    if (check) await checkJobs(context)
    else await serve(context)
    return undefined
  },
})

const status = defineCommand({
  words: ['agent', 'status'],
  summary: 'What the agent does, what it did, and what it will do next.',
  arguments: {},
  options: { socket },
  examples: [{ command: 'holdfast agent status', doc: 'One line for each job, and the last trouble.' }],
  async run(context, { socket: path }) {
    const [{ agentStatus }, { agentText }] = await Promise.all([
      import('../ask-agent.ts'),
      import('../describe-agent.ts'),
    ])
    const found = await agentStatus(context, path)
    context.output.result(found, () => agentText(found, context.world.clock.now()))
    return undefined
  },
})

const run = defineCommand({
  words: ['agent', 'run'],
  operation: { withoutHooks: true },
  summary: 'Start a job now, whatever its schedule says.',
  description:
    'The agent starts it, unless another of its kind runs. Waits until it has ended, and fails when it failed. What the ' +
    'schedule asked for by now counts as done when it succeeds.',
  arguments: { job: argument('JOB', 'Its name in the configuration.') },
  options: { noWait: flag('Do not wait until it has ended.'), socket },
  examples: [{ command: 'holdfast agent run backup', doc: 'Before an upgrade, say.' }],
  async run(context, { job, noWait, socket: path }) {
    const [{ runJob }, { runText }] = await Promise.all([
      import('../ask-agent.ts'),
      import('../describe-agent.ts'),
    ])
    const outcome = await runJob(context, path, { job, wait: !noWait })
    context.output.result(outcome, () => runText(job, outcome))
    const isDone = !('outcome' in outcome) || outcome.outcome === 'done'
    return isDone ? undefined : (outcome.exit ?? faultCatalogue.FAILED.exit)
  },
})

const orNull = (rate: number | 'none' | undefined): number | null | undefined =>
  rate === 'none' ? null : rate

const limit = defineCommand({
  words: ['agent', 'limit'],
  operation: { withoutHooks: true, needs: ['read', 'network'] },
  summary: 'Change how fast the jobs of the agent may go, also those that run; or show it.',
  description:
    'For each job that moves backups or dumps: how fast it reads the data directory or the databases, and how fast it sends to and ' +
    'fetches from repositories. It holds for what runs within a second, and for what is started later, instead of `limits` of the ' +
    'configuration, until the time is over or the agent loads its configuration again. What is started by hand keeps to the ' +
    'configuration; `wal push` and `wal get` are never held up. Without options it shows what holds, and why.',
  arguments: {},
  options: {
    read: value('RATE|none', asRateOrNone, 'How fast data is read: 200MiB/s.'),
    network: value('RATE|none', asRateOrNone, 'How fast is sent and fetched.'),
    for: value('TIME', asDuration, 'For so long. Nothing said: until the configuration is loaded again.'),
    socket,
  },
  examples: [
    { command: 'holdfast agent limit --network 10MiB/s --for 2h', doc: 'While others need the line.' },
    { command: 'holdfast agent limit --read none', doc: 'Let the backup that runs be done soon.' },
    { command: 'holdfast agent limit', doc: 'What holds?' },
  ],
  async run(context, { read, network, for: forMs, socket: path }) {
    const [{ agentStatus, changeLimits }, { limitsText }] = await Promise.all([
      import('../ask-agent.ts'),
      import('../describe-agent.ts'),
    ])
    const isAsked = read !== undefined || network !== undefined
    if (!isAsked && forMs !== undefined)
      throw usageFault('--for says how long, and nothing says what', 'Give --read or --network, too.')
    const { limits } = isAsked
      ? await changeLimits(context, path, { read: orNull(read), network: orNull(network), forMs })
      : await agentStatus(context, path)
    context.output.result(limits, () => limitsText(limits))
    return undefined
  },
})

const reload = defineCommand({
  words: ['agent', 'reload'],
  operation: { withoutHooks: true },
  summary: 'Have the agent load the configuration again, and hear whether it took it.',
  arguments: {},
  options: { socket },
  examples: [{ command: 'holdfast agent reload', doc: 'Fails, with all mistakes, when it did not.' }],
  async run(context, { socket: path }) {
    const [{ reloadAgent }, { agentText }] = await Promise.all([
      import('../ask-agent.ts'),
      import('../describe-agent.ts'),
    ])
    const found = await reloadAgent(context, path)
    context.output.result(found, () => agentText(found, context.world.clock.now()))
    return undefined
  },
})

const stop = defineCommand({
  words: ['agent', 'stop'],
  operation: { withoutHooks: true },
  summary: 'Stop the agent: what runs is told to clean up, and ends.',
  arguments: {},
  options: { socket },
  examples: [
    { command: 'holdfast agent stop', doc: 'Under systemd, rather `systemctl stop holdfast-gathr`.' },
  ],
  async run(context, { socket: path }) {
    const { stopAgent } = await import('../ask-agent.ts')
    context.output.result(await stopAgent(context, path), () => 'the agent stops')
    return undefined
  },
})

export const agentCommands: readonly Command[] = [agent, status, run, limit, reload, stop]
