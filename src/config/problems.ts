/** Mistakes in a configuration file: what is wrong in words, and where in the text. */
import type { Document } from 'yaml'
import { isMap, isScalar } from 'yaml'
import type * as z from 'zod/mini'
import { nearest } from '../base/nearest.ts'
import { keysAt } from './schema-walk.ts'

type Issue = z.core.$ZodIssue

export interface Problem {
  /** Characters from the start of the file. */
  readonly offset: number
  readonly message: string
}

export function problemsOf(
  issues: readonly Issue[],
  schema: z.core.$ZodType,
  document: Document,
): readonly Problem[] {
  const problems = issues.flatMap(issue => problemsOfIssue(issue, issue.path, schema, document))
  return problems.toSorted((a, b) => a.offset - b.offset)
}

function problemsOfIssue(
  issue: Issue,
  path: Issue['path'],
  schema: z.core.$ZodType,
  document: Document,
): readonly Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path)
    return issue.keys.map(key => ({
      offset: offsetOfKey(document, path, key),
      message: unknownKey(path, key, known),
    }))
  }
  const branch = issue.code === 'invalid_union' ? meantBranch(issue.errors) : undefined
  if (branch)
    return branch.flatMap(inner => problemsOfIssue(inner, [...path, ...inner.path], schema, document))
  const missing = issue.input === undefined && document.getIn(path) === undefined
  if (missing)
    return [{ offset: offsetOf(document, path.slice(0, -1)), message: `${nameOf(path)} is missing` }]
  return [{ offset: offsetOf(document, path), message: `${nameOf(path)} ${complaintOf(issue)}` }]
}

function unknownKey(path: Issue['path'], key: string, known: readonly string[]): string {
  const near = nearest(key, known)
  const advice = near === undefined ? `known here: ${known.join(', ')}` : `did you mean "${near}"?`
  return `${nameOf([...path, key])} is not a known key; ${advice}`
}

/** Of the forms that a value may have, the one that was meant: the first whose outer shape fits. */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return branches.find(issues => !issues.some(issue => issue.path.length === 0 && shapeCodes.has(issue.code)))
}

const shapeCodes: ReadonlySet<string> = new Set(['invalid_type', 'invalid_value', 'invalid_union'])

function complaintOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      // What is written as text and read further says itself what it should be.
      return issue.message.startsWith('is not ') ? issue.message : `must be ${expectedBy(issue).join(' or ')}`
    case 'invalid_value':
    case 'invalid_union':
      return `must be ${expectedBy(issue).join(' or ')}`
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? 'must not be empty'
        : `must be at least ${String(issue.minimum)}`
    case 'too_big':
      return `must be at most ${String(issue.maximum)}`
    case 'invalid_key':
      return issue.issues.map(complaintOf).join(', ')
    default:
      return issue.message
  }
}

function expectedBy(issue: Issue): readonly string[] {
  if (issue.code === 'invalid_type') return [typeNames[issue.expected] ?? issue.expected]
  if (issue.code === 'invalid_value') return issue.values.map(value => JSON.stringify(value))
  return issue.code === 'invalid_union' ? [...new Set(issue.errors.flat().flatMap(expectedBy))] : []
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
}

/** `repositories.main.encryption.recipients[0]`. */
function nameOf(path: Issue['path']): string {
  const parts = path.map((part, i) =>
    typeof part === 'number' ? `[${String(part)}]` : `${i === 0 ? '' : '.'}${String(part)}`,
  )
  return parts.length === 0 ? 'the file' : parts.join('')
}

/** Of the innermost of these keys that is there. */
export function offsetOf(document: Document, path: Issue['path']): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true)
    if (hasRange(node)) return node.range[0]
  }
  return 0
}

/** A key stands before its value, and for an unknown key it is the key that is wrong. */
function offsetOfKey(document: Document, path: Issue['path'], key: string): number {
  const map = path.length === 0 ? document.contents : document.getIn(path, true)
  const pair = isMap(map)
    ? map.items.find(item => isScalar(item.key) && String(item.key.value) === key)
    : undefined
  return hasRange(pair?.key) ? pair.key.range[0] : offsetOf(document, path)
}

function hasRange(node: unknown): node is { readonly range: readonly [number, number, number] } {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)
}
