/** `holdfast audit`: the audit trail, shown and checked. */
import { defineCommand, flag, value, type Command } from '../command.ts'
import { asChoice, asText, asTime, asWholeNumber } from '../usage.ts'

const list = defineCommand({
  words: ['audit', 'list'],
  summary: 'Who did what, when, from where, and with what result.',
  description:
    'One line for each operation that wrote, read back, deleted, restored, changed what is to be done, or failed, oldest first; and ' +
    'for what is to be found by itself within one, as a hook. One that was killed stays without an end. docs/audit.md tells what ' +
    'is entered, and how to read it with other programs.',
  arguments: {},
  options: {
    since: value('TIME', asTime, 'Only what ended (or began, where it has no end) at this time or later.'),
    until: value('TIME', asTime, 'Only what began before this time.'),
    verb: value('VERB', asText, 'Only this command: restore, "agent run", hook.'),
    user: value('NAME', asText, 'Only of this user, or of who became one by sudo.'),
    result: value(
      'RESULT',
      asChoice('done', 'failed', 'unended'),
      'Only with this result: done, failed, unended.',
    ),
    repository: value('NAME', asText, 'Only what opened this repository.'),
    last: value('COUNT', asWholeNumber(1, 1_000_000), 'Only so many of the newest.'),
    keys: flag('Only what used a secret key.'),
    from: value(
      'WHERE',
      asChoice('local', 'repository'),
      '`local`: the trail of this host (the default). `repository`: the copies of the trails of all hosts, which takes the secret key where they are encrypted.',
    ),
  },
  examples: [
    { command: 'holdfast audit list --last 20', doc: 'What happened here lately.' },
    {
      command: 'holdfast audit list --keys --since "2026-03-01 00:00:00+00:00"',
      doc: 'Who opened data since then.',
    },
  ],
  async run(context, given) {
    await (await import('../run-audit.ts')).listTrail(context, given)
    return undefined
  },
})

const verify = defineCommand({
  words: ['audit', 'verify'],
  summary: 'Check that no entry of the audit trail was removed, changed, or put elsewhere.',
  description:
    "Reads the trail of this host, and holds it against its copies in the repositories, which needs no key: objects' names say " +
    'what is in them. Fails with AUDIT_BROKEN, and lists what is wrong. The head that it prints (a number and a hash) stands for ' +
    'the whole trail up to there: written down elsewhere, it proves later that nothing before it was changed.',
  arguments: {},
  options: {
    repository: value('NAME', asText, 'Only against this repository.'),
    local: flag('Only the trail itself, against no repository.'),
    contents: flag(
      'Read back the copies of the trails of all hosts, too. Takes the secret key where they are encrypted.',
    ),
    head: value(
      'N:HASH',
      asText,
      'A head that was written down earlier: that entry has to be there, with this hash.',
    ),
  },
  examples: [
    { command: 'holdfast audit verify', doc: 'This host, and its copies.' },
    { command: 'holdfast audit verify --contents', doc: 'Every entry of every host.' },
  ],
  async run(context, given) {
    return (await import('../verify-trail.ts')).verifyTrail(context, given)
  },
})

const send = defineCommand({
  words: ['audit', 'send'],
  summary: 'Copy what the repositories lack of the audit trail of this host.',
  description:
    'Each operation does so at its end, and the agent when a repository was away then. By hand after an outage, where there is no agent.',
  arguments: {},
  options: {},
  examples: [{ command: 'holdfast audit send', doc: 'What is there already is not copied again.' }],
  async run(context) {
    return (await import('../run-audit.ts')).sendNow(context)
  },
})

export const auditCommands: readonly Command[] = [list, verify, send]
