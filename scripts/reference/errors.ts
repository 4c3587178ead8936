/** docs/reference/errors.md, from the catalogue of faults. */
import { faultCatalogue } from '../../src/base/fault.ts'
import { generatedNote, page, table } from './markdown.ts'

export function errorsPage(): string {
  const rows = Object.entries(faultCatalogue).map(([code, { exit, retry, doc }]) => [
    `\`${code}\``,
    String(exit),
    retry ? 'yes' : '',
    doc,
  ])
  return page(
    '# Errors and exit statuses',
    generatedNote,
    'Every failure has a code, a message that names what failed, and a hint that says what to do next. With `--json` they ' +
      'come as one line on standard error: `{"error": {"code", "exit", "retry", "message", "hint"}}`. Codes and exit statuses ' +
      'are stable; the words of messages are not.',
    'A command ends with 0 when it is done, with the status below when it failed, and with 128 and the number of the ' +
      'signal when one stopped it (130 for Ctrl-C, 143 for SIGTERM). `wal get` is different, because PostgreSQL reads its status: 1 when the ' +
      'file does not exist, 126 for everything else.',
    table(['Code', 'Exit', 'Trying again may help', 'When'], rows),
  )
}
