/** `holdfast agent`, and what is said to one that runs. */
import { faultCatalogue } from '../../base/fault.ts'
import { argument, defineCommand, flag, value, type Command } from '../command.ts'
import { asText } from '../usage.ts'

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
    'before goes on. It remembers in a small file, so that it may be killed and started at any moment. Its log is a line of ' +
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

export const agentCommands: readonly Command[] = [agent, status, run, reload, stop]
