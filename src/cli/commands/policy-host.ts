/** `holdfast policy systemd` and `holdfast policy cron` */
import { defineCommand, flag, value, type Command } from '../command.ts'
import { asText } from '../usage.ts'

const user = value('NAME', asText, 'The user who runs it (postgres unless told).')
const write = value('FOLDER', asText, 'Write the files into this folder instead of printing them.')

const systemd = defineCommand({
  words: ['policy', 'systemd'],
  summary: "The agent's unit for systemd; or, for those who want no agent, a timer for each job.",
  description:
    'Prints units that may do what this configuration needs on its host and no more: a read-only system, no new privileges, no ' +
    'devices. The agent tells systemd when it is ready, and is started again when it hangs. Timers have no window of the ' +
    'day and no growing pauses; the rest of the strategy is the same. Changes nothing itself.',
  arguments: {},
  options: { timers: flag('A service and a timer for each job, instead of the agent.'), user, write },
  examples: [
    {
      command: 'holdfast policy systemd | sudo tee /etc/systemd/system/holdfast-gathr.service',
      doc: 'Standard error says how it is enabled.',
    },
    {
      command: 'holdfast policy systemd --timers --write /etc/systemd/system',
      doc: 'The same strategy without an agent.',
    },
  ],
  async run(context, given) {
    await (await import('../policy/print-host.ts')).printSystemd(context, given)
    return undefined
  },
})

const cron = defineCommand({
  words: ['policy', 'cron'],
  summary: 'The jobs as a file for /etc/cron.d, where there is neither an agent nor systemd.',
  description:
    'Two of a kind never run at once (flock). What failed is not tried again before its next time, and what was missed is not ' +
    'made up for. Changes nothing itself.',
  arguments: {},
  options: { user, write },
  examples: [
    {
      command: 'holdfast policy cron | sudo tee /etc/cron.d/holdfast-gathr',
      doc: 'Mail goes where cron sends it: only errors and warnings are told.',
    },
  ],
  async run(context, given) {
    await (await import('../policy/print-host.ts')).printCron(context, given)
    return undefined
  },
})

export const hostPolicyCommands: readonly Command[] = [systemd, cron]
