/** The statements that make the database of an archive again, under another name. */
import { splitStatements } from '../globals-script.ts'
import { encodingOf, textOf, type Archive, type ByteText, type TocEntry } from './archive.ts'

export interface DatabaseStatements {
  readonly create: string
  /** Run in this order, each by itself, once it is there. */
  readonly configure: readonly string[]
}

export interface DatabaseChoice {
  /** Of the new one. */
  readonly name: string
  /** Of the server that it is made on. */
  readonly serverMajor: number
  readonly owner: boolean
  readonly privileges: boolean
  readonly tablespaces: boolean
}

/** `LOCALE_PROVIDER` is a word that the server knows from this version on; before it, there was only that one. */
const majorWithProviders = 15

export function databaseStatements(archive: Archive, choice: DatabaseChoice): DatabaseStatements {
  const { entries } = archive
  const text = (bytes: ByteText | undefined): string => textOf(bytes ?? '', encodingOf(entries))
  const entry = entries.find(({ kind }) => kind === 'DATABASE')
  const to = quoteIdentifier(choice.name)
  if (!entry) return { create: `CREATE DATABASE ${to} TEMPLATE template0`, configure: [] }
  const from = nameIn(text(entry.definition))
  const rename = (definition: string): string =>
    definition.replaceAll(
      new RegExp(
        `^((?:CREATE|ALTER|COMMENT ON) DATABASE |.* (?:IN|ON) DATABASE )${literal(from)}(?= |;)`,
        'gm',
      ),
      (_, before: string) => before + to,
    )
  let create = rename(text(entry.definition)).trim()
  if (choice.serverMajor < majorWithProviders) create = create.replace(' LOCALE_PROVIDER = libc', '')
  if (!choice.tablespaces) create = create.replace(/ TABLESPACE = ("(?:[^"]|"")+"|\S+?)(?=;|$| )/, '')
  const own = entries.filter(one => isOfDatabase(one) && (choice.privileges || one.kind !== 'ACL'))
  const owner = text(entry.owner)
  return {
    create,
    configure: [
      ...(choice.owner && owner !== '' ? [`ALTER DATABASE ${to} OWNER TO ${quoteIdentifier(owner)}`] : []),
      ...own.map(one => rename(text(one.definition))).flatMap(some => ofRoles(some, choice.owner)),
    ],
  }
}

function isOfDatabase({ kind, tag }: TocEntry): boolean {
  if (kind === 'DATABASE PROPERTIES') return true
  return (
    (kind === 'ACL' || kind === 'COMMENT' || kind === 'SECURITY LABEL') && (tag ?? '').startsWith('DATABASE ')
  )
}

/** What a role is set to in this database is the role's: without owners it is left out. */
function ofRoles(statements: string, wanted: boolean): readonly string[] {
  if (wanted) return [statements]
  return splitStatements(statements).filter(statement => !statement.startsWith('ALTER ROLE '))
}

/** As it stands in the statement, with its quotes if it has them. */
const nameIn = (definition: string): string =>
  /^CREATE DATABASE ("(?:[^"]|"")+"|\S+)/.exec(definition.trimStart())?.[1] ?? ''

const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')

export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`
