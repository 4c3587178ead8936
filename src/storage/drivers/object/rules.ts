/** Which rule counts for a key: what newly written objects are given depends on where they lie. */
import type { ObjectRule } from '../../open.ts'

/** The first rule whose pattern matches. */
export function ruleFor(key: string, rules: readonly ObjectRule[] | undefined): ObjectRule | undefined {
  return rules?.find(({ pattern }) => matches(pattern, key))
}

/** `*` stands for any run of characters without `/`, and `**` for any run at all. */
function matches(pattern: string, key: string): boolean {
  return expressionOf(pattern).test(key)
}

const expressions = new Map<string, RegExp>()

function expressionOf(pattern: string): RegExp {
  const known = expressions.get(pattern)
  if (known) return known
  const source = pattern
    .split(/(\*\*?)/)
    .map(part => (part === '**' ? '.*' : part === '*' ? '[^/]*' : part.replace(/[$()+./?[\\\]^{|}-]/g, '\\$&')))
    .join('')
  const made = new RegExp(`^${source}$`, 's')
  expressions.set(pattern, made)
  return made
}
