/** The live server's side of whole schemas: which names are free, and how a restored one takes the place of another. */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Server } from '../../postgres/connection.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'
import { leaningOn, listed, nameOf, rootsOfSchemas } from './belongings.ts'
import type { CopyRequest } from './copied.ts'
import type { Destination } from './live-tables.ts'
import type { ScratchExtension, ScratchSchema } from './scratch-schemas.ts'
import { longStatement } from './scratch-tables.ts'

export interface SchemaNames {
  readonly from: string
  /** What it is called in the end. */
  readonly to: string
  /** What it is called until all is in it. */
  readonly loaded: string
  /** What the one is called afterwards that has its name now; undefined: it keeps that, or there is none. */
  readonly replaced: string | undefined
  /** There is one of the name under which it is loaded. */
  readonly isThere: boolean
}

export async function namesOf(
  live: Server,
  schemas: readonly ScratchSchema[],
  { destination, staging }: Pick<CopyRequest, 'destination' | 'staging'>,
  signal: AbortSignal,
): Promise<readonly SchemaNames[]> {
  if (destination.kind === 'as' && schemas.length > 1)
    throw new Fault('USAGE', `--as names one schema, and these are ${String(schemas.length)}`, {
      hint: 'Restore them one after another.',
    })
  return Promise.all(
    schemas.map(async ({ name: from }, i) => {
      const to = destination.kind === 'as' ? destination.name : from
      const isThere = (await schemaOid(live, to, signal)) !== undefined
      if (destination.kind !== 'replace' || !isThere)
        return { from, to, loaded: to, replaced: undefined, isThere }
      const more = schemas.length > 1 ? `_${String(i + 1)}` : ''
      return {
        from,
        to,
        loaded: `${staging}${more}`,
        replaced: `${destination.oldSchema}${more}`,
        isThere: false,
      }
    }),
  )
}

/** Changes nothing. */
export async function assertSchemasFree(
  live: Server,
  names: readonly SchemaNames[],
  {
    destination,
    extensions,
  }: { readonly destination: Destination; readonly extensions: readonly ScratchExtension[] },
  signal: AbortSignal,
): Promise<void> {
  for (const { from, to, isThere, replaced } of names) {
    if (isThere) await assertEmpty(live, to, signal)
    if (replaced !== undefined) await assertNobodyLeans(live, names, signal)
    if (destination.kind === 'own') continue
    for (const { name } of extensions.filter(({ schema }) => schema === from))
      if (await hasExtension(live, name, signal))
        throw new Fault(
          'USAGE',
          `the extension ${name} lies in ${from}, and ${live.database} has it already`,
          {
            hint: 'An extension can not be there twice: bring back single tables (restore-table TABLE), or restore beside with holdfast restore.',
          },
        )
  }
}

async function assertEmpty(live: Server, name: string, signal: AbortSignal): Promise<void> {
  const oid = await schemaOid(live, name, signal)
  if (oid === undefined) return
  const { oids } = await rootsOfSchemas(live, [oid], signal)
  if (oids.length === 0) return
  throw new Fault('USAGE', `there is a schema ${name} in ${live.database}, and it is not empty`, {
    hint: 'Bring it back beside, with --as NAME; or in its place, with --replace, which keeps the old one under another name.',
  })
}

async function assertNobodyLeans(
  live: Server,
  names: readonly SchemaNames[],
  signal: AbortSignal,
): Promise<void> {
  const replaced = names.filter(name => name.replaced !== undefined)
  const oids = await Promise.all(replaced.map(async ({ to }) => (await schemaOid(live, to, signal)) ?? 0))
  const leaning = await leaningOn(live, await rootsOfSchemas(live, oids, signal), signal)
  if (leaning.length === 0) return
  throw new Fault(
    'USAGE',
    `${replaced.map(({ to }) => to).join(', ')} can not be replaced, since others would go on with the old one: ${listed(leaning.map(nameOf))}`,
    {
      hint: 'Bring it back beside the old one with --as NAME; or drop what leans on it first, and make it anew afterwards.',
    },
  )
}

/** One transaction: others see the old schemas or the new ones. */
export async function swapSchemas(
  live: Server,
  names: readonly SchemaNames[],
  signal: AbortSignal,
): Promise<void> {
  if (names.every(({ replaced }) => replaced === undefined)) return
  const run = (sql: string): Promise<unknown> => live.query(sql, [], signal, longStatement)
  const rename = (from: string, to: string): Promise<unknown> =>
    run(`ALTER SCHEMA ${quoteIdentifier(from)} RENAME TO ${quoteIdentifier(to)}`)
  await run('BEGIN')
  try {
    await assertNobodyLeans(live, names, signal)
    for (const { to, loaded, replaced } of names) {
      if (replaced === undefined) continue
      await rename(to, replaced)
      await rename(loaded, to)
    }
    await run('COMMIT')
  } catch (error) {
    if (!live.lost.aborted)
      await live.query('ROLLBACK', [], AbortSignal.timeout(limits.postgresStatementMsMax))
    throw error
  }
}

async function schemaOid(live: Server, name: string, signal: AbortSignal): Promise<number | undefined> {
  const [row] = await live.query<{ oid: number }>(
    'SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1',
    [name],
    signal,
  )
  return row?.oid
}

async function hasExtension(live: Server, name: string, signal: AbortSignal): Promise<boolean> {
  const rows = await live.query('SELECT FROM pg_catalog.pg_extension WHERE extname = $1', [name], signal)
  return rows.length > 0
}
