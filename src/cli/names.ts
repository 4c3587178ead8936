/** Names of tables and schemas on the command line, as psql takes them. */
import { parseNamePattern, type NamePattern } from '../postgres/dump-archive/name-pattern.ts'
import { usageFault } from './usage.ts'

export function parseTableName(text: string): NamePattern {
  const pattern = parseNamePattern(text)
  if (pattern) return pattern
  throw usageFault(
    `"${text}" is not the name of a table`,
    'Write it as psql takes it: public.users, or "Odd.Name".',
  )
}

export function parseSchemaName(text: string): NamePattern {
  const pattern = parseNamePattern(text)
  if (pattern && pattern.schema === undefined) return pattern
  throw usageFault(
    `"${text}" is not the name of a schema`,
    'Write it as psql takes it: sales, or "Odd.Name".',
  )
}
