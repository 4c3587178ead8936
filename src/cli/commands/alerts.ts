/** `holdfast alerts`: who hears of what is wrong. */
import { faultCatalogue } from '../../base/fault.ts'
import { defineCommand, severalArguments, type Command } from '../command.ts'

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

export const alertsCommands: readonly Command[] = [test]
