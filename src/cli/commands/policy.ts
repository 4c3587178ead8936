/** `holdfast policy …`: prints what a vendor wants to be told, made from the configuration. Changes nothing. */
import { roles } from '../../policy/rights/roles.ts'
import { defineCommand, value, values, type Command } from '../command.ts'
import { asChoice, asDuration, asText, usageFault } from '../usage.ts'
import { repositoryOption } from './common.ts'

const intro =
  'Prints the document on standard output, ready to be piped into the command that standard error names, with what to know ' +
  'before. Changes nothing itself. With --json, all of it is one object.'

const role = value(
  'ROLE',
  asChoice(...roles),
  'writer (the database host), restorer, keeper (expires), auditor or archivist (carries out the archive). Else what the configuration says under `rights`, else writer.',
)
const account = value(
  'ID',
  asText,
  "AWS: the account's id. Google: the project. Azure: the storage account's resource id.",
)
const principal = values(
  'ROLE=NAME',
  asPrincipal,
  "Who acts in a role, in the vendor's words: writer=arn:aws:iam::123456789012:role/db1. May be given several times.",
)

const iam = defineCommand({
  words: ['policy', 'iam'],
  summary: 'AWS: what the credentials of a role may do (an identity policy).',
  description: intro,
  arguments: {},
  options: { role, repository: repositoryOption, account },
  examples: [
    {
      command:
        'holdfast policy iam --role writer | aws iam create-policy --policy-name holdfast-writer --policy-document file:///dev/stdin',
      doc: 'The least that a database host needs: it can not delete, overwrite, or read a backup.',
    },
  ],
  async run(context, given) {
    await (await import('../policy/print-policy.ts')).printIam(context, given)
    return undefined
  },
})

const bucket = defineCommand({
  words: ['policy', 'bucket'],
  summary: 'S3: the policy of the bucket itself; Google: its bindings.',
  description:
    'S3: TLS only, encryption as configured, nothing written twice, deleted by the keeper alone, locks lifted by nobody. With ' +
    `--principal it also gives those named their rights. ${intro}`,
  arguments: {},
  options: { repository: repositoryOption, account, principal },
  examples: [
    {
      command:
        'holdfast policy bucket --principal keeper=arn:aws:iam::123456789012:role/holdfast-keeper | aws s3api put-bucket-policy --bucket backups --policy file:///dev/stdin',
      doc: 'From then on only that role deletes, whatever else somebody is allowed.',
    },
  ],
  async run(context, given) {
    await (await import('../policy/print-policy.ts')).printBucket(context, given)
    return undefined
  },
})

const gcs = defineCommand({
  words: ['policy', 'gcs'],
  summary: "Google: custom roles, and the bucket's bindings with their conditions.",
  description: intro,
  arguments: {},
  options: {
    role: value(
      'ROLE',
      asChoice(...roles),
      'Only this one (else all five): writer, restorer, keeper, auditor, archivist.',
    ),
    part: value(
      'PART',
      asChoice('bindings', 'list', 'read', 'write', 'delete', 'lock', 'snapshots'),
      'bindings (unless told), or the custom role of that name: list, read, write, delete, lock; snapshots: for --role, in the project.',
    ),
    repository: repositoryOption,
    account,
    principal,
  },
  examples: [
    {
      command:
        'holdfast policy gcs --part write | gcloud iam roles create holdfast_write --project=gathr --file=/dev/stdin',
      doc: 'A custom role; the same for list, read, delete and lock, once for each project.',
    },
    {
      command:
        'holdfast policy gcs --account gathr --principal writer=db1@gathr.iam.gserviceaccount.com --role writer | gcloud storage buckets set-iam-policy gs://backups /dev/stdin',
      doc: 'Who may do what in the bucket.',
    },
  ],
  async run(context, given) {
    await (await import('../policy/print-policy.ts')).printGcs(context, given)
    return undefined
  },
})

const azure = defineCommand({
  words: ['policy', 'azure'],
  summary: 'Azure: the definition of a role, and the condition of its assignment.',
  description: intro,
  arguments: {},
  options: {
    role,
    part: value(
      'PART',
      asChoice('definition', 'condition'),
      'definition (unless told), or the condition that limits the assignment to this repository.',
    ),
    repository: repositoryOption,
    account,
    principal,
  },
  examples: [
    {
      command: 'holdfast policy azure --role writer | az role definition create --role-definition @-',
      doc: 'The custom role; standard error says how to assign it with its condition.',
    },
  ],
  async run(context, given) {
    await (await import('../policy/print-policy.ts')).printAzure(context, given)
    return undefined
  },
})

const lifecycle = defineCommand({
  words: ['policy', 'lifecycle'],
  summary: 'Rules that throw away unfinished uploads, and touch nothing that Holdfast manages.',
  description: intro,
  arguments: {},
  options: {
    uploadsAfter: value(
      'DURATION',
      asDuration,
      'Uploads that were begun so long ago are given up (7d unless told). Longer than your longest upload of one pack.',
    ),
    versionsAfter: value(
      'DURATION',
      asDuration,
      'On a bucket with versions: what was deleted or written over so long ago goes for good (never unless told).',
    ),
    repository: repositoryOption,
  },
  examples: [
    {
      command:
        'holdfast policy lifecycle | aws s3api put-bucket-lifecycle-configuration --bucket backups --lifecycle-configuration file:///dev/stdin',
      doc: 'What broken-off uploads leave costs money, and is seen by nobody.',
    },
    {
      command: 'holdfast policy lifecycle --versions-after 90d',
      doc: 'Versions are kept for 90 days after they were deleted: so long after a theft `restore --as-of` helps.',
    },
  ],
  async run(context, given) {
    await (await import('../policy/print-policy.ts')).printLifecycle(context, given)
    return undefined
  },
})

export const policyCommands: readonly Command[] = [iam, bucket, gcs, azure, lifecycle]

function asPrincipal(text: string): { readonly role: (typeof roles)[number]; readonly name: string } {
  const at = text.indexOf('=')
  const found = roles.find(known => known === text.slice(0, at))
  const name = text.slice(at + 1)
  if (found && name !== '') return { role: found, name }
  throw usageFault(
    `"${text}" does not say who acts in which role`,
    `Write ROLE=NAME, for example ${roles[0]}=arn:aws:iam::123456789012:role/db1; roles are ${roles.join(', ')}.`,
  )
}
