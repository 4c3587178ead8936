/** `holdfast wal push PATH`: PostgreSQL's archive_command. Loaded for every segment, so it imports little. */
import type { PushCall, PushCallDeps } from '../../operations/wal-push/call.ts'
import { argument, defineCommand } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { repositoryOption } from './common.ts'

export const walPush = defineCommand({
  words: ['wal', 'push'],
  summary: 'Store one WAL file. For archive_command.',
  description:
    'Exits with 0 only when the file is durable in as many repositories as `wal.durable_in` says. Pushing the same file ' +
    'again succeeds; another file of the same name is refused, and so is the WAL of another cluster. When more files wait, ' +
    'a helper process pushes them before PostgreSQL asks (`wal.push_ahead`).',
  operation: { forSegments: true },
  arguments: { path: argument('PATH', 'The file, as PostgreSQL gives it in %p.') },
  options: { repository: repositoryOption },
  examples: [
    {
      command: "archive_command = '/usr/bin/holdfast --config /etc/holdfast/holdfast.yaml wal push %p'",
      doc: 'In postgresql.conf; `holdfast init --apply` sets it.',
    },
  ],
  async run(context, given) {
    const [{ pushOnCall }, { openPushCall }] = await Promise.all([
      import('../../operations/wal-push/call.ts'),
      import('../push-call.ts'),
    ])
    await using deps = await openPushCall(context, given)
    const pushed = await pushOnCall(deps, given.path, context.signal)
    await warnOfLacking(context, deps, pushed)
    // PostgreSQL's log is no place for a line for every segment.
    if (context.output.rule.json || context.output.rule.verbose)
      context.output.result(resultOf(pushed), () => `${pushed.name}: ${pushed.result}`)
    return undefined
  },
})

async function warnOfLacking(
  { output }: CommandContext,
  { targets, book }: PushCallDeps,
  { name, lacking }: PushCall,
): Promise<void> {
  for (const { target: lackingName, fault } of lacking) {
    const target = targets.find(each => each.name === lackingName)
    if (!target || !(await book.takeWarning(target))) continue
    const reason = fault?.message ?? (await book.circuit(target))?.message ?? 'it could not be reached'
    output.warn(
      `repository "${target.name}" is behind, and lacks ${name}: ${reason}; it is brought there later (holdfast wal status)`,
    )
  }
}

const resultOf = ({ lacking, ...rest }: PushCall): unknown => ({
  ...rest,
  lacking: lacking.map(({ target }) => target),
})
