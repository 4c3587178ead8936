/** HTML as a value of its own: what is put into it is escaped, unless it is HTML itself. */
import { htmlEscape } from 'escape-goat'

export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Nothing is written for what is undefined or false. */
export type Part = Markup | string | number | undefined | false | readonly Part[]

export function html(literals: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(literals.map((literal, i) => (i === 0 ? '' : textOf(parts[i - 1])) + literal).join(''))
}

function textOf(part: Part): string {
  if (part === undefined || part === false) return ''
  if (part instanceof Markup) return part.text
  if (typeof part === 'object') return part.map(textOf).join('')
  return htmlEscape(String(part))
}
