/** JSON for other programs: LSNs (bigint) and maps as text and objects, indented so that people can read it, too. */
export function jsonOf(value: unknown, form: 'indented' | 'compact' = 'indented'): string {
  return JSON.stringify(value, plain, form === 'indented' ? 2 : 0)
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Map) return Object.fromEntries(value) as unknown
  return value
}
