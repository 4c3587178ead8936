/** docs/reference/findings.md, from the catalogue of what `status` finds. */
import { findingCatalogue } from '../../src/policy/findings/finding.ts'
import { generatedNote, page, table } from './markdown.ts'

export function findingsPage(): string {
  const rows = Object.entries(findingCatalogue).map(([code, { about, runbook }]) => [
    `\`${code}\``,
    about,
    `[${runbook}](../runbooks/${runbook}.md)`,
  ])
  return page(
    '# Findings of `status`',
    generatedNote,
    'Codes are stable; the words of messages are not. [What `status` tells](../status.md) has the rest.',
    table(['Code', 'When', 'What to do'], rows),
  )
}
