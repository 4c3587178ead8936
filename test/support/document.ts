/** The shell commands of a document, as its readers would paste them. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Of a document, by the beginnings of headings of the second level. */
export interface Part {
  /** Only what is above this heading. */
  readonly before?: string | undefined
  /** Only what is under this heading. */
  readonly section?: string | undefined
}

/**
 * All `sh` blocks in their order, as one script. Blocks marked `sh settings` hold lines `NAME=value` that readers are told to
 * change: there, and nowhere else, values are replaced by `settings`, every one of which must occur.
 */
export function commandsOf(
  document: string,
  settings: Readonly<Record<string, string>>,
  part: Part = {},
): string {
  const whole = readFileSync(fileURLToPath(new URL(`../../${document}`, import.meta.url)), 'utf8')
  const text = cut(whole, part)
  const unused = new Set(Object.keys(settings))
  const blocks = [...text.matchAll(/^```sh( settings)?\n(.*?)^```$/gms)].map(([, marked, body = '']) =>
    marked === undefined ? body : fillIn(body, settings, unused),
  )
  if (unused.size > 0) throw new Error(`${document} has no setting ${[...unused].join(', ')}`)
  return blocks.join('\n')
}

function cut(text: string, { section, before }: Part): string {
  const end = before === undefined ? text.length : headingAt(text, before)
  if (section === undefined) return text.slice(0, end)
  const start = headingAt(text, section)
  const next = text.indexOf('\n## ', start + 1)
  return text.slice(start, next < 0 ? end : Math.min(next, end))
}

function headingAt(text: string, heading: string): number {
  const at = text.indexOf(`\n## ${heading}`)
  if (at < 0) throw new Error(`the document has no heading ${heading}`)
  return at
}

function fillIn(body: string, settings: Readonly<Record<string, string>>, unused: Set<string>): string {
  return body.replace(/^([A-Z]+)=.*$/gm, (line, name: string) => {
    const value = settings[name]
    if (value === undefined) throw new Error(`the test gives no value for: ${line}`)
    unused.delete(name)
    return `${name}='${value}'`
  })
}
