/**
 * What pg_dumpall --globals-only wrote, as statements; and which of them are run on a server that has some of the roles
 * already. Decides only.
 */

export interface GlobalsPlan {
  readonly statements: readonly string[]
  /** Roles that these statements make. */
  readonly created: readonly string[]
  /** Roles that are there already, and left as they are. */
  readonly existing: readonly string[]
  /** Tablespaces that the server does not have. They are not made: their folders have to be there first. */
  readonly tablespacesMissing: readonly string[]
}

export function planGlobals(
  script: string,
  there: { readonly roles: ReadonlySet<string>; readonly tablespaces: ReadonlySet<string> },
): GlobalsPlan {
  const statements = splitStatements(script)
  const made = statements
    .map(statement => subject(/^CREATE ROLE /, statement))
    .filter(name => name !== undefined)
  const created = new Set(made.filter(name => !there.roles.has(name)))
  const spaces = statements
    .map(statement => subject(/^CREATE TABLESPACE /, statement))
    .filter(name => name !== undefined)
  return {
    statements: statements.filter(statement => isWanted(statement, created)),
    created: [...created],
    existing: made.filter(name => there.roles.has(name)),
    tablespacesMissing: spaces.filter(name => !there.tablespaces.has(name)),
  }
}

function isWanted(statement: string, created: ReadonlySet<string>): boolean {
  const own =
    subject(/^CREATE ROLE /, statement) ??
    subject(/^ALTER ROLE /, statement) ??
    subject(/^COMMENT ON ROLE /, statement) ??
    subject(/^SECURITY LABEL FOR \S+ ON ROLE /, statement)
  // Settings of a role in one database belong to the database: they come with its dump.
  if (own !== undefined) return created.has(own) && !/^ALTER ROLE \S+ IN DATABASE /.test(statement)
  const membership = new RegExp(`^GRANT (${identifier}) TO (${identifier})`).exec(statement)
  if (membership) return [membership[1], membership[2]].some(name => created.has(unquoted(name ?? '')))
  return false
}

const identifier = '"(?:[^"]|"")+"|[^\\s";]+'

/** The name behind these words. */
function subject(words: RegExp, statement: string): string | undefined {
  const found = words.exec(statement)
  if (!found) return undefined
  const name = new RegExp(`^(?:${identifier})`).exec(statement.slice(found[0].length))?.[0]
  return name === undefined ? undefined : unquoted(name)
}

const unquoted = (name: string): string =>
  name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name

/** Without comments and without what is meant for psql (lines that begin with a backslash). */
export function splitStatements(script: string): readonly string[] {
  const statements: string[] = []
  // In this order: a comment or a word for psql, quoted text, the end of a statement, anything else.
  const token =
    /(--[^\n]*|(?<=^|\n)\\[^\n]*)|([eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*")|(;)|([^;'"eE\\-]+|.)/gsu
  let statement = ''
  for (const [all, passedOver, , end] of script.matchAll(token)) {
    if (passedOver !== undefined) continue
    if (end === undefined) {
      statement += all
      continue
    }
    if (statement.trim() !== '') statements.push(statement.trim())
    statement = ''
  }
  return statements
}
