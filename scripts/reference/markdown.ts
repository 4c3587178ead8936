/** Pieces of Markdown. */

/** For pages that must not be edited by hand. */
export const generatedNote =
  '<!-- Made by `scripts/node scripts/reference.ts` from the sources; do not edit. -->'

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

export function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``
}

/** Paragraphs with an empty line between. */
export function page(...parts: readonly string[]): string {
  return `${parts.filter(part => part !== '').join('\n\n')}\n`
}
