/** What an entry of the audit trail says of an operation, from its words and its result. Decides only. */
import { auditLimits } from '../audit/limits.ts'
import { hideSecrets } from '../base/hide-secrets.ts'
import { flagOf, type Command } from './command.ts'

export function isOperation({ operation }: Command, given: Readonly<Record<string, unknown>>): boolean {
  if (!operation) return false
  const { unless = [], needs } = operation
  const isAsked = needs === undefined || needs.some(name => given[name] !== undefined)
  return isAsked && !unless.some(name => given[name] === true)
}

/** The command line as it was given, without what may be secret. */
export function shownWords(words: readonly string[], { options }: Command): readonly string[] {
  const secret = Object.entries(options)
    .filter(([, { isSecret }]) => isSecret === true)
    .map(([name]) => flagOf(name))
  const shown = words.map((word, i) => {
    if (secret.includes(words[i - 1] ?? '')) return '***'
    const flag = secret.find(one => word.startsWith(`${one}=`))
    return flag === undefined ? cut(hideSecrets(word)) : `${flag}=***`
  })
  return shown.length > auditLimits.wordsMax ? [...shown.slice(0, auditLimits.wordsMax), '…'] : shown
}

export function targetOf(
  { operation }: Command,
  given: Readonly<Record<string, unknown>>,
): string | undefined {
  const name = operation?.target?.find(one => typeof given[one] === 'string')
  return name === undefined ? undefined : cut(hideSecrets(String(given[name])))
}

/** Of backups and dumps, drills, and requests to forget. */
export const idPattern = /^\d{8}T\d{6}Z-[a-z]+(?:-[0-9a-f]{8})?$/

/** Ids that the words name; what they are beginnings of, the result says. */
export function idsGiven(given: Readonly<Record<string, unknown>>): readonly string[] {
  const { id, backup, ids } = given
  const named: readonly unknown[] = [id, backup, ...(Array.isArray(ids) ? (ids as readonly unknown[]) : [])]
  return named.filter(id => typeof id === 'string').map(cut)
}

/** What was looked at and left alone is no more than that. */
const leftAlone = new Set(['parent', 'kept', 'left', 'steps', 'passedOver', 'unrepaired', 'findings'])

/** All ids that a result names, of what was made, read or removed. */
export function idsIn(result: unknown): readonly string[] {
  const found = new Set<string>()
  const look = (value: unknown): void => {
    if (typeof value === 'string' && idPattern.test(value)) found.add(value)
    else if (Array.isArray(value)) value.forEach(look)
    else if (typeof value === 'object' && value !== null && !('verdict' in value && value.verdict === 'keep'))
      for (const [name, inner] of Object.entries(value)) if (!leftAlone.has(name)) look(inner)
  }
  look(result)
  return [...found]
}

/** How much was written or read, where the result says it; of several repositories, all of it. */
export function bytesIn(result: unknown): number | undefined {
  if (Array.isArray(result)) {
    const each = result.map(bytesIn).filter(bytes => bytes !== undefined)
    return each.length === 0 ? undefined : each.reduce((sum, bytes) => sum + bytes, 0)
  }
  if (typeof result !== 'object' || result === null) return undefined
  const fields = new Map<string, unknown>(Object.entries(result))
  const inner = fields.get('result') ?? fields.get('copied') ?? fields.get('sizes')
  const own = fields.get('bytes') ?? fields.get('storedBytes')
  return typeof own === 'number' ? own : bytesIn(inner)
}

export const cut = (text: string): string =>
  text.length > auditLimits.textCharsMax ? `${text.slice(0, auditLimits.textCharsMax)}…` : text
