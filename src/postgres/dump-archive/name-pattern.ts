/**
 * Names as pg_dump and psql take them: `orders`, `sales.*`, `"Odd.Name"`. Without quotes letters are made small, `*` stands
 * for anything and `?` for one character; a point parts the schema from the name.
 */
export interface NamePattern {
  readonly schema: RegExp | undefined
  readonly name: RegExp
}

/** Undefined when the quotes do not pair, or there are more than two parts. */
export function parseNamePattern(text: string): NamePattern | undefined {
  const parts: string[] = ['']
  let quoted = false
  const add = (regex: string): void => {
    parts.push((parts.pop() ?? '') + regex)
  }
  const characters = [...text]
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] ?? ''
    if (character === '"' && quoted && characters[i + 1] === '"') add(literal(characters[++i] ?? ''))
    else if (character === '"') quoted = !quoted
    else if (quoted) add(literal(character))
    else if (character === '.') parts.push('')
    else if (character === '*') add('.*')
    else if (character === '?') add('.')
    else add(literal(character.toLowerCase()))
  }
  const [name = '', schema, ...more] = parts.reverse()
  if (quoted || more.length > 0 || name === '' || schema === '') return undefined
  return { schema: schema === undefined ? undefined : whole(schema), name: whole(name) }
}

const literal = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|]/, '\\$&')
const whole = (regex: string): RegExp => new RegExp(`^(?:${regex})$`, 'su')
