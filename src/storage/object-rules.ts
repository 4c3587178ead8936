/** Which rule of a storage's description counts for a key: the first whose pattern matches it. */
import type { ObjectRule } from './open.ts'

/** `*` stands for any run of characters without `/`, and `**` for any run at all. */
export function ruleMatcher(rules: readonly ObjectRule[] = []): (key: string) => ObjectRule | undefined {
  const tests = rules.map(rule => ({ rule, pattern: regexOf(rule.pattern) }))
  return key => tests.find(({ pattern }) => pattern.test(key))?.rule
}

function regexOf(pattern: string): RegExp {
  const source = pattern
    .split(/(\*\*|\*)/)
    .map(part =>
      part === '**' ? '.*' : part === '*' ? '[^/]*' : part.replace(/[$()+./?[\\\]^{|}-]/g, '\\$&'),
    )
  return new RegExp(`^${source.join('')}$`, 's')
}
