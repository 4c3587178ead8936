/**
 * SQL that a person wrote, as single statements: so that each can be counted, and none can end the transaction that it
 * is to run in.
 *
 * Only where statements end is found here. The server parses them, one at a time, by a protocol that takes no more than
 * one: where this cut wrongly, it says so, and nothing is run that was not looked at. See src/fe_utils/psqlscan.l.
 */
export interface SqlStatement {
  /** Without the semicolon, and without comments before and behind it. */
  readonly text: string
  /** In the script, counted from 1. */
  readonly line: number
}

/** What is wrong with a script, in words that follow "line N: ". */
export interface SqlFlaw {
  readonly line: number
  readonly reason: string
}

export function splitSql(script: string): readonly SqlStatement[] | SqlFlaw {
  const statements: SqlStatement[] = []
  let start = -1
  let end = -1
  const close = (): void => {
    if (start >= 0) statements.push({ text: script.slice(start, end), line: lineAt(script, start) })
    start = -1
  }
  for (let at = 0; at < script.length;) {
    const token = tokenAt(script, at)
    if (token.kind === 'open') return { line: lineAt(script, at), reason: `${token.what} does not end` }
    if (token.kind === 'end') close()
    else if (token.kind === 'text') {
      if (start < 0) start = at
      end = token.endsAt
    }
    at = token.endsAt
  }
  close()
  return statements
}

/** Undefined when the statement may run inside a transaction that others begin and end. */
export function whyNotInTransaction({ text }: SqlStatement): string | undefined {
  const [, word = ''] = /^([a-z]+)/i.exec(text) ?? []
  if (text.startsWith('\\')) return `${text.split(/\s/, 1)[0] ?? ''} is a word for psql, not SQL`
  const name = word.toUpperCase()
  if (transactionWords.has(name)) return `${name} has no place here: everything runs in one transaction`
  return aloneWords.has(name) ? `${name} can not run in a transaction` : undefined
}

const transactionWords = new Set([
  'BEGIN',
  'START',
  'COMMIT',
  'END',
  'ROLLBACK',
  'ABORT',
  'SAVEPOINT',
  'RELEASE',
  'PREPARE',
])
const aloneWords = new Set(['VACUUM', 'CHECKPOINT', 'DISCARD'])

type Token =
  | { readonly kind: 'blank' | 'text' | 'end'; readonly endsAt: number }
  | { readonly kind: 'open'; readonly what: string; readonly endsAt: number }

const blank = /[ \t\n\r\f\v]+|--[^\n\r]*/y
/** A name is taken as a whole, so that the dollar in `a$b$c` begins nothing, and the E of `note'` escapes nothing. */
const word = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y
const escapes = /[eE]'(?:[^'\\]|\\[^]|'')*'/y
const quoted = /'(?:[^']|'')*'|"(?:[^"]|"")*"/y
const dollar = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y

function tokenAt(script: string, at: number): Token {
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(script)?.[0]
  }
  const text = (found: string): Token => ({ kind: 'text', endsAt: at + found.length })
  const open = (what: string): Token => ({ kind: 'open', what, endsAt: script.length })
  const space = match(blank)
  if (space !== undefined) return { kind: 'blank', endsAt: at + space.length }
  if (script.startsWith('/*', at)) {
    const endsAt = commentEnd(script, at)
    return endsAt === undefined ? open('a comment') : { kind: 'blank', endsAt }
  }
  if (script[at] === ';') return { kind: 'end', endsAt: at + 1 }
  if (/^[eE]'/.test(script.slice(at, at + 2))) {
    const found = match(escapes)
    return found === undefined ? open('quoted text') : text(found)
  }
  if (script[at] === "'" || script[at] === '"') {
    const found = match(quoted)
    return found === undefined ? open(script[at] === '"' ? 'a quoted name' : 'quoted text') : text(found)
  }
  const name = match(word)
  if (name !== undefined) return text(name)
  const tag = match(dollar)
  if (tag === undefined) return { kind: 'text', endsAt: at + 1 }
  const closes = script.indexOf(tag, at + tag.length)
  return closes < 0 ? open(`what begins with ${tag}`) : { kind: 'text', endsAt: closes + tag.length }
}

/** Comments of this kind lie within one another. */
function commentEnd(script: string, at: number): number | undefined {
  let depth = 0
  const mark = /\/\*|\*\//g
  mark.lastIndex = at
  for (let found = mark.exec(script); found; found = mark.exec(script)) {
    depth += found[0] === '/*' ? 1 : -1
    if (depth === 0) return mark.lastIndex
  }
  return undefined
}

const lineAt = (script: string, at: number): number => script.slice(0, at).split('\n').length
