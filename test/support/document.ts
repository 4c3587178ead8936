/** The shell commands of a document, as its readers would paste them. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * All `sh` blocks in their order, as one script. Blocks marked `sh settings` hold lines `NAME=value` that readers are told to
 * change: there, and nowhere else, values are replaced by `settings`, every one of which must occur. With `before`, only the
 * commands above this heading.
 */
export function commandsOf(
  document: string,
  settings: Readonly<Record<string, string>>,
  before?: string,
): string {
  const whole = readFileSync(fileURLToPath(new URL(`../../${document}`, import.meta.url)), 'utf8')
  const text = before === undefined ? whole : upTo(whole, before)
  const unused = new Set(Object.keys(settings))
  const blocks = [...text.matchAll(/^```sh( settings)?\n(.*?)^```$/gms)].map(([, marked, body = '']) =>
    marked === undefined ? body : fillIn(body, settings, unused),
  )
  if (unused.size > 0) throw new Error(`${document} has no setting ${[...unused].join(', ')}`)
  return blocks.join('\n')
}

function upTo(text: string, heading: string): string {
  const end = text.indexOf(`\n## ${heading}`)
  if (end < 0) throw new Error(`the document has no heading ${heading}`)
  return text.slice(0, end)
}

function fillIn(body: string, settings: Readonly<Record<string, string>>, unused: Set<string>): string {
  return body.replace(/^([A-Z]+)=.*$/gm, (line, name: string) => {
    const value = settings[name]
    if (value === undefined) throw new Error(`the test gives no value for: ${line}`)
    unused.delete(name)
    return `${name}='${value}'`
  })
}
