/** What pg_dump and pg_dumpall are told. Where to connect goes through the environment, see client-environment.ts. */

/** Patterns as pg_dump takes them. */
export interface DumpSelection {
  readonly schemas: readonly string[]
  readonly excludeSchemas: readonly string[]
  readonly tables: readonly string[]
  readonly excludeTables: readonly string[]
  readonly excludeTableData: readonly string[]
}

export interface DumpHow {
  /** As pg_export_snapshot named it. */
  readonly snapshot: string
  readonly lockWaitMs: number | undefined
  /** As `dumpEncoding` has it. */
  readonly encoding: string
}

/** The whole archive, uncompressed, on standard output. */
export function dumpArguments(selection: DumpSelection, how: DumpHow): readonly string[] {
  return [...archive, ...common(how), ...selectionArguments(selection)]
}

/** The rows of these tables only; names as `tablePattern` makes them. */
export function dataArguments(tables: readonly string[], how: DumpHow): readonly string[] {
  return [...archive, '--data-only', ...common(how), ...tables.map(name => `--table=${name}`)]
}

export const globalsArguments = ['--globals-only', '--no-password'] as const

/** A pattern that fits this table and no other: nothing has a special meaning between double quotes. */
export const tablePattern = (schema: string, table: string): string => `${quoted(schema)}.${quoted(table)}`

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

const archive = ['--format=custom', '--compress=0'] as const

/**
 * The encoding of the archive: that of the database, whatever it or the role is set to for its usual clients. Patterns reach
 * pg_dump as UTF-8, so where they are not plain ASCII the archive is UTF-8, too, which the server knows how to take back.
 */
export function dumpEncoding(ofDatabase: string, selection: DumpSelection): string {
  const isPlain = Object.values(selection).every((patterns: readonly string[]) =>
    patterns.every(pattern => /^[\x20-\x7e]*$/.test(pattern)),
  )
  // Without an encoding nothing can be converted.
  return isPlain || ofDatabase === 'SQL_ASCII' ? ofDatabase : 'UTF8'
}

function common({ snapshot, lockWaitMs, encoding }: DumpHow): readonly string[] {
  return [
    '--no-password',
    `--encoding=${encoding}`,
    `--snapshot=${snapshot}`,
    ...(lockWaitMs === undefined ? [] : [`--lock-wait-timeout=${String(lockWaitMs)}`]),
  ]
}

function selectionArguments(selection: DumpSelection): readonly string[] {
  const flags: readonly (readonly [string, readonly string[]])[] = [
    ['schema', selection.schemas],
    ['exclude-schema', selection.excludeSchemas],
    ['table', selection.tables],
    ['exclude-table', selection.excludeTables],
    ['exclude-table-data', selection.excludeTableData],
  ]
  return flags.flatMap(([flag, patterns]) => patterns.map(pattern => `--${flag}=${pattern}`))
}

export const isWhole = (selection: DumpSelection): boolean =>
  Object.values(selection).every((patterns: readonly string[]) => patterns.length === 0)
