/**
 * Writes the pages of docs/reference, each from the source that the program itself uses. A test of the house rules
 * says when one is out of date.
 *
 * Run: scripts/node scripts/reference.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { commandsPage } from './reference/commands.ts'
import { configurationPage, configurationSchema } from './reference/configuration.ts'
import { errorsPage } from './reference/errors.ts'
import { findingsPage } from './reference/findings.ts'
import { metricsPage } from './reference/metrics.ts'

/** Path in the project, and text. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/reference/commands.md', commandsPage()],
    ['docs/reference/configuration.md', configurationPage()],
    ['docs/reference/errors.md', errorsPage()],
    ['docs/reference/findings.md', findingsPage()],
    ['docs/reference/metrics.md', metricsPage()],
    ['docs/reference/holdfast.schema.json', `${JSON.stringify(configurationSchema(), undefined, 2)}\n`],
  ])
}

if (import.meta.main) {
  for (const [path, text] of referencePages()) {
    const file = fileURLToPath(new URL(`../${path}`, import.meta.url))
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}
