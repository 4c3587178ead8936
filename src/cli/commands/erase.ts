/** `holdfast erase …`: requests to forget a person. */
import {
  argument,
  defineCommand,
  flag,
  optionalArgument,
  secretValue,
  value,
  values,
  type Command,
} from '../command.ts'
import { asText } from '../usage.ts'
import { oneRepositoryOption, skipErasuresOption } from './common.ts'

const add = defineCommand({
  words: ['erase', 'add'],
  summary: 'Record a request to forget a person, so that no restore brings the person back.',
  description:
    'Backups are never changed, so the person stays in those that are older than the request until they expire. From now on every restore ' +
    'applies the request before anybody can connect: all statements of the file in one transaction. It is tried on the live server first and ' +
    'rolled back, which tells how many rows would go, and whether the SQL fits at all. Delete the person there first, or give --apply: a ' +
    'request that finds nothing any more is applied only to states older than it, any other one to all. Subject and SQL are sealed with the ' +
    "repository's recipients; who has no key can add requests, and can not read them. One database for each request.",
  operation: { target: ['database'] },
  arguments: {},
  options: {
    subject: secretValue(
      'REF',
      asText,
      'Who it is, best by a number that only you can resolve: "request 4711".',
    ),
    sql: value('FILE', asText, 'The statements: DELETE, UPDATE and the like, ended by semicolons.'),
    database: value('DB', asText, 'The database (else that of the connection).'),
    check: flag('Fail when the server can not be reached (else it is stored unchecked, with a warning).'),
    unchecked: flag('Do not ask the live server.'),
    apply: flag('Run it on the live server, too, and keep what it did.'),
  },
  examples: [
    {
      command: 'holdfast erase add --subject "request 4711" --sql forget-4711.sql --database shop',
      doc: 'The person was deleted in production; now no restore brings the person back.',
    },
    {
      command: 'holdfast erase add --subject "request 4711" --sql forget-4711.sql --database shop --apply',
      doc: 'Deletes in production, and keeps the request.',
    },
  ],
  async run(context, given) {
    return (await import('../erase-add.ts')).runEraseAdd(context, given)
  },
})

const list = defineCommand({
  words: ['erase', 'list'],
  summary: 'List the requests to forget a person.',
  description:
    'Who has no key sees that there are requests, since when, and in which database; not whom they are about.',
  arguments: {},
  options: { repository: oneRepositoryOption },
  examples: [{ command: 'holdfast erase list', doc: 'All of them, also those that were withdrawn.' }],
  async run(context, given) {
    await (await import('../erase-list.ts')).runEraseList(context, given)
    return undefined
  },
})

const withdraw = defineCommand({
  words: ['erase', 'withdraw'],
  summary: 'Withdraw a request to forget: restores do not apply it any more.',
  description:
    'Nothing is deleted: that there was a request, and who withdrew it when, stays written. It does not come into force again; add another one.',
  operation: {},
  arguments: { id: argument('ID', 'The request; a beginning that fits only one is enough.') },
  options: { reason: secretValue('TEXT', asText, 'Why, for whoever has to answer for it. It is sealed.') },
  examples: [
    {
      command: 'holdfast erase withdraw 20260301T101500Z-erasure-1f00a2c4 --reason "wrong person"',
      doc: 'From now on restores leave that person in.',
    },
  ],
  async run(context, given) {
    return (await import('../erase-list.ts')).runEraseWithdraw(context, given)
  },
})

const apply = defineCommand({
  words: ['erase', 'apply'],
  summary: 'Apply requests to forget to a restored directory, and open it.',
  description:
    'A restore without --start leaves a directory that lets nobody in while requests are to be applied, whoever starts the server. This starts ' +
    'it on a socket that nobody else reaches, lets it end its recovery (a pause at the target, too), applies each request in one transaction, ' +
    'stops it, and takes away what kept others out. When a request fails, the directory stays closed.',
  operation: { target: ['targetDir'] },
  arguments: {},
  options: {
    targetDir: value('DIR', asText, 'The data directory that was restored. Its server must not run.'),
    without: values('NAME', asText, 'Do not read this repository. May be given several times.'),
    skipErasures: skipErasuresOption,
  },
  examples: [
    {
      command:
        'holdfast erase apply --target-dir /var/lib/postgresql/17/restored && systemctl start postgresql@17-restored',
      doc: 'Opens it, and starts it as usual.',
    },
  ],
  async run(context, given) {
    await (await import('../erase-apply.ts')).runEraseApply(context, given)
    return undefined
  },
})

const status = defineCommand({
  words: ['erase', 'status'],
  summary:
    'Show in which backups a person who asked to be forgotten still is, and when the last will be gone.',
  description:
    'For each request in force: the base backups, dumps, snapshots and WAL of each repository, and what lies in its archive, that are older than it; ' +
    'and the day on which expiry will have removed the last of them. That is found by making the plan of `holdfast expire` for one day after the ' +
    'other, with backups going on at the present pace. Holds and locks are in it: one without an end means never.',
  arguments: {},
  options: { repository: oneRepositoryOption },
  examples: [{ command: 'holdfast erase status', doc: 'What to answer to who asks.' }],
  async run(context, given) {
    return (await import('../erase-status.ts')).runEraseStatus(context, given)
  },
})

const exportEvidence = defineCommand({
  words: ['erase', 'export'],
  summary: 'Print the evidence of a request: what was asked, and what every restore did with it.',
  description:
    'One document of JSON: the request, who made it and when, whether it was withdrawn and why, and each restore that applied it or did not, with the ' +
    'rows of every statement. With a key at hand, subject and SQL are in it: it is personal data then.',
  operation: {},
  arguments: { id: optionalArgument('ID', 'The request; a beginning that fits only one is enough.') },
  options: { all: flag('All requests, also those that were withdrawn.') },
  examples: [
    {
      command: 'holdfast erase export 20260301T101500Z-erasure-1f00a2c4 > request-4711.json',
      doc: 'For the file.',
    },
  ],
  async run(context, given) {
    await (await import('../erase-export.ts')).runEraseExport(context, given)
    return undefined
  },
})

export const eraseCommands: readonly Command[] = [add, list, withdraw, status, exportEvidence, apply]
