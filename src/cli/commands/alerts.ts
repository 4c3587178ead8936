/** `holdfast alerts`: what is wrong, and who hears of it. */
import { faultCatalogue } from '../../base/fault.ts'
import { day } from '../../base/units.ts'
import { argument, defineCommand, severalArguments, value, type Command } from '../command.ts'
import { asDuration, asText } from '../usage.ts'

const socket = value('PATH', asText, 'Where the agent listens, when the configuration can not tell.')

const list = defineCommand({
  words: ['alerts', 'list'],
  summary: 'Show what is open, since when, and who was told.',
  description: 'Asks the agent, which looks and tells. docs/alerts.md has more.',
  arguments: {},
  options: { socket },
  examples: [
    { command: 'holdfast alerts list', doc: 'Each open alert with what to do, and how the sinks are.' },
  ],
  async run(context, { socket: path }) {
    const [{ alertsOf }, { alertsText }] = await Promise.all([
      import('../ask-agent.ts'),
      import('../describe-alerts.ts'),
    ])
    const alerts = await alertsOf(context, path)
    context.output.result(alerts, () => alertsText(alerts, context.world.clock.now()))
    return undefined
  },
})

const ack = defineCommand({
  words: ['alerts', 'ack'],
  operation: { withoutHooks: true },
  summary: 'Say that somebody knows of an alert: it is not repeated for a while.',
  description: 'Until it becomes worse, or the time is over; that it is over is told in any case.',
  arguments: { alert: argument('ALERT', 'Its id, or the beginning of it: `holdfast alerts list` shows it.') },
  options: {
    for: value('TIME', asDuration, 'For so long; a day when it is not given.'),
    reason: value('TEXT', asText, 'Why, for others who look.'),
    socket,
  },
  examples: [
    {
      command: 'holdfast alerts ack 5f1c --for 2d --reason "new disk arrives on Friday"',
      doc: 'Two days of quiet about it.',
    },
  ],
  async run(context, { alert, for: forMs = day, reason, socket: path }) {
    const [{ acknowledge }, { alertsText }] = await Promise.all([
      import('../ask-agent.ts'),
      import('../describe-alerts.ts'),
    ])
    const alerts = await acknowledge(context, path, { alert, forMs, reason })
    context.output.result(alerts, () => alertsText(alerts, context.world.clock.now()))
    return undefined
  },
})

const test = defineCommand({
  words: ['alerts', 'test'],
  summary: 'Send a test to each sink of alerts, and say what came of it.',
  description:
    'Each sink of `alerts` in the configuration gets one message that says that it is a test (PagerDuty: an incident that is resolved ' +
    'at once), and each ping is called once. Fails when one of them fails. Secrets are read as the user who runs this has them.',
  arguments: { sinks: severalArguments('SINK', 'Only these, by their names in the configuration.') },
  options: {},
  examples: [
    { command: 'holdfast alerts test', doc: 'After each change of the sinks.' },
    { command: 'holdfast alerts test oncall', doc: 'One of them.' },
  ],
  async run(context, { sinks }) {
    const [{ testSinks }, { testsText }] = await Promise.all([
      import('../test-sinks.ts'),
      import('../describe-alerts.ts'),
    ])
    const tests = await testSinks(context, sinks)
    context.output.result(tests, () => testsText(tests))
    return tests.every(({ ok }) => ok) ? undefined : faultCatalogue.FAILED.exit
  },
})

export const alertsCommands: readonly Command[] = [list, ack, test]
