/** `holdfast init` */
import { defineCommand, flag, value } from '../command.ts'
import { asText } from '../usage.ts'

export const init = defineCommand({
  words: ['init'],
  summary: 'Set up: configuration, repository, keys, and what PostgreSQL needs.',
  description:
    'Asks for what it needs, or takes it from the options. Makes only what is missing: with a configuration at hand it makes ' +
    'the repository and says what to set in PostgreSQL, and running it again is harmless. As root it gives what it makes to ' +
    'the user that PostgreSQL runs as.',
  arguments: {},
  options: {
    cluster: value('NAME', asText, 'The name of the cluster.'),
    connection: value('TEXT', asText, 'How to reach the server, as libpq takes it.'),
    repository: value('URL', asText, 'Where backups are to be kept: file:///srv/backups.'),
    noEncryption: flag('Store everything unencrypted.'),
    apply: flag('Set the settings in PostgreSQL (ALTER SYSTEM), too.'),
    yes: flag('Do not ask.'),
  },
  examples: [
    {
      command: 'holdfast init',
      doc: 'Asks, and writes ./holdfast.yaml (as root: /etc/holdfast/holdfast.yaml).',
    },
    {
      command:
        'holdfast init --cluster gathr --connection "host=/run/postgresql user=postgres" --repository file:///srv/backups --apply --yes',
      doc: 'The same without a question.',
    },
  ],
  async run(context, given) {
    const { runInit } = await import('../init/run-init.ts')
    return runInit(context, given)
  },
})
