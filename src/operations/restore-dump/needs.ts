/** Roles and tablespaces that the server must have for an archive to be restored. Decides only. */
import { encodingOf, textOf, type Archive, type ByteText } from '../../postgres/dump-archive/archive.ts'

export interface Needs {
  readonly roles: ReadonlySet<string>
  /** Those that can not be left out: policies and user mappings name them. */
  readonly rolesAnyway: ReadonlySet<string>
  readonly tablespaces: ReadonlySet<string>
}

export function needsOf(
  { entries }: Archive,
  wanted: { readonly owner: boolean; readonly privileges: boolean; readonly tablespaces: boolean },
): Needs {
  const encoding = encodingOf(entries)
  const text = (bytes: ByteText | undefined): string => textOf(bytes ?? '', encoding)
  const roles = new Set<string>()
  const rolesAnyway = new Set<string>()
  const tablespaces = new Set<string>()
  const addTo = (set: Set<string>, names: readonly string[]): void => {
    for (const name of names) set.add(name)
  }
  for (const { kind, owner, tablespace, definition } of entries) {
    if (wanted.owner) roles.add(text(owner))
    if (wanted.tablespaces) tablespaces.add(text(tablespace))
    if (wanted.privileges && (kind === 'ACL' || kind === 'DEFAULT ACL'))
      addTo(roles, rolesIn(text(definition), /^(TO|FROM|FOR ROLE|SESSION AUTHORIZATION)$/))
    if (wanted.owner && kind === 'DATABASE PROPERTIES')
      addTo(roles, rolesIn(text(definition), /^ALTER ROLE$/))
    if (kind === 'POLICY') addTo(rolesAnyway, rolesIn(text(definition), /^TO$/, /^(USING|WITH)$/))
    if (kind === 'USER MAPPING') addTo(rolesAnyway, rolesIn(text(definition), /^MAPPING FOR$/, /^SERVER$/))
  }
  roles.delete('')
  tablespaces.delete('')
  return { roles, rolesAnyway, tablespaces }
}

/** A name in quotes, a text, a word, or a sign that parts. */
const token = /"(?:[^"]|"")*"|'(?:[^']|'')*'|[^\s;,"']+|[;,]/g

/** The roles that stand, one or several, behind these words, up to where `end` is met. */
function rolesIn(statements: string, words: RegExp, end?: RegExp): readonly string[] {
  const tokens = [...statements.matchAll(token)].map(([text]) => text)
  const found: string[] = []
  for (let at = 0; at < tokens.length; at++) {
    const here = tokens[at] ?? ''
    if (end?.test(here)) break
    if (!words.test(here) && !words.test(`${tokens[at - 1] ?? ''} ${here}`)) continue
    do found.push(tokens[++at] ?? '')
    while (tokens[at + 1] === ',' && ++at)
  }
  return found
    .filter(name => name !== ';' && !/^public$/i.test(name))
    .map(name => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name))
}
