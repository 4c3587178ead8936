/**
 * Names as pg_dump and psql take them: `orders`, `sales.*`, `"Odd.Name"`. Without quotes letters are made small, `*` stands
 * for anything and `?` for one character; a point parts the schema from the name.
 */
export interface NamePattern {
  readonly schema: RegExp | undefined
  readonly name: RegExp
  /** What it says when nothing in it stands for anything else; undefined for patterns. */
  readonly plain?: { readonly schema: string | undefined; readonly name: string } | undefined
}

/** Undefined when the quotes do not pair, or there are more than two parts. */
export function parseNamePattern(text: string): NamePattern | undefined {
  const parts: Part[] = [{ regex: '', plain: '' }]
  let quoted = false
  let isPlain = true
  const add = (regex: string, character: string): void => {
    const last = parts.pop()
    parts.push({ regex: `${last?.regex ?? ''}${regex}`, plain: `${last?.plain ?? ''}${character}` })
  }
  const addLiteral = (character: string): void => {
    add(literal(character), character)
  }
  const characters = [...text]
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] ?? ''
    if (character === '"' && quoted && characters[i + 1] === '"') addLiteral(characters[++i] ?? '')
    else if (character === '"') quoted = !quoted
    else if (quoted) addLiteral(character)
    else if (character === '.') parts.push({ regex: '', plain: '' })
    else if (character === '*' || character === '?') {
      isPlain = false
      add(character === '*' ? '.*' : '.', '')
    } else addLiteral(character.toLowerCase())
  }
  const [name, schema, ...more] = parts.reverse()
  if (quoted || more.length > 0 || !name || name.regex === '' || schema?.regex === '') return undefined
  return {
    schema: schema && whole(schema.regex),
    name: whole(name.regex),
    plain: isPlain ? { schema: schema?.plain, name: name.plain } : undefined,
  }
}

/** One of the names that points part. */
interface Part {
  readonly regex: string
  readonly plain: string
}

const literal = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|]/, '\\$&')
const whole = (regex: string): RegExp => new RegExp(`^(?:${regex})$`, 'su')
