/** What is brought back: some tables, whole schemas, or the whole database. */
import { parseNamePattern, type NamePattern } from '../../postgres/dump-archive/name-pattern.ts'

export type Scope =
  | { readonly kind: 'tables'; readonly names: readonly string[]; readonly patterns: readonly NamePattern[] }
  /** The patterns are of the schemas' names: nothing stands before them. */
  | { readonly kind: 'schemas'; readonly names: readonly string[]; readonly patterns: readonly NamePattern[] }
  | { readonly kind: 'database'; readonly name: string }

const anything = parseNamePattern('*') ?? never()

/** The tables whose rows have to be there. */
export function tablesOf(scope: Scope): readonly NamePattern[] {
  switch (scope.kind) {
    case 'tables':
      return scope.patterns
    case 'schemas':
      return scope.patterns.map(({ name }) => ({ schema: name, name: anything.name }))
    case 'database':
      return [anything]
  }
}

/** For messages: `table public.users`. */
export function describeScope(scope: Scope): string {
  if (scope.kind === 'database') return `database ${scope.name}`
  const word = scope.kind === 'tables' ? 'table' : 'schema'
  return `${word}${scope.names.length > 1 ? 's' : ''} ${scope.names.join(', ')}`
}

function never(): never {
  throw new Error('assertion failed: * is a pattern')
}
