/** `holdfast init` */
import { defineCommand, flag, secretValue, value } from '../command.ts'
import { asAddress, asChoice, asText } from '../usage.ts'

export const init = defineCommand({
  words: ['init'],
  summary: 'Set up: configuration, repository, keys, and what PostgreSQL needs.',
  description:
    'Asks for what it needs, or takes it from the options. Makes only what is missing: with a configuration at hand it makes ' +
    'the repository and says what to set in PostgreSQL, and running it again is harmless. As root it gives what it makes to ' +
    'the user that PostgreSQL runs as.',
  operation: { target: ['repository'] },
  arguments: {},
  options: {
    cluster: value('NAME', asText, 'The name of the cluster.'),
    connection: secretValue('TEXT', asText, 'How to reach the server, as libpq takes it.'),
    repository: value(
      'URL',
      asText,
      'Where backups are to be kept: file:///srv/backups, s3://bucket/prefix, gs://bucket/prefix, az://container/prefix.',
    ),
    endpoint: value('URL', asAddress, "The object storage's address, when it is not the vendor's own."),
    region: value('NAME', asText, "The bucket's region."),
    pathStyle: flag('S3: name the bucket in the path; most servers that are not Amazon want it.'),
    caFile: value('FILE', asText, 'Certificates (PEM) of own authorities for the object storage.'),
    profile: value('NAME', asText, "S3: a profile of the vendor's own configuration files."),
    writeOnce: value(
      'HOW',
      asChoice('conditional', 'check'),
      'conditional (unless told): the server refuses a second write, and is tried. check: it can not; see docs/rights.md.',
    ),
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
    {
      command:
        'holdfast init --cluster gathr --repository s3://gathr-backups/postgres --region eu-central-1 --yes',
      doc: 'In a bucket that is there already. Credentials are found as the AWS tools find them.',
    },
  ],
  async run(context, given) {
    const { runInit } = await import('../init/run-init.ts')
    return runInit(context, given)
  },
})
