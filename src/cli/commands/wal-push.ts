/** `holdfast wal push PATH`: PostgreSQL's archive_command. Loaded for every segment, so it imports little. */
import { argument, defineCommand } from '../command.ts'
import { repositoryOption } from './common.ts'

export const walPush = defineCommand({
  words: ['wal', 'push'],
  summary: 'Store one WAL file. For archive_command.',
  description:
    'Exits with 0 only when the file is durable in the repository. Pushing the same file again succeeds; another file of ' +
    'the same name is refused, and so is the WAL of another cluster.',
  arguments: { path: argument('PATH', 'The file, as PostgreSQL gives it in %p.') },
  options: { repository: repositoryOption },
  examples: [
    {
      command: "archive_command = '/usr/bin/holdfast --config /etc/holdfast/holdfast.yaml wal push %p'",
      doc: 'In postgresql.conf; `holdfast init --apply` sets it.',
    },
  ],
  async run({ openRepository, output, signal }, given) {
    const [{ pushWal }, { openWalStore }, opened] = await Promise.all([
      import('../../operations/wal-push.ts'),
      import('../../repository/wal-store.ts'),
      openRepository(given.repository),
    ])
    const { repository, encoding } = opened
    // Pushing needs no key: what is there already is compared by what it tells in the clear.
    const store = openWalStore(repository, { encoding, identities: [] })
    const pushed = await pushWal({ identity: repository.identity, store }, given.path, signal)
    // PostgreSQL's log is no place for a line for every segment.
    if (output.rule.json || output.rule.verbose)
      output.result(pushed, () => `${pushed.name}: ${pushed.result}`)
    return undefined
  },
})
