/** What the live database has to have for something to come back into it; and what it lost together with that. */
import { Fault } from '../../base/fault.ts'
import type { Server } from '../../postgres/connection.ts'
import { isThere, listed, nameOf, type DatabaseObject, type Need } from './belongings.ts'

/** Changes nothing. */
export async function assertNeedsMet(
  live: Server,
  needs: readonly Need[],
  signal: AbortSignal,
): Promise<void> {
  const lacking = await missingOf(live, needs, signal)
  if (lacking.length === 0) return
  const told = lacking.map(need => {
    const origin = need.extension === null ? '' : `of the extension ${need.extension}, `
    return `${nameOf(need)} (${origin}which the ${need.by} needs)`
  })
  throw new Fault('POSTGRES_REFUSED', `${live.database} does not have ${listed([...new Set(told)])}`, {
    hint: 'Bring that back first: with its schema (--schema NAME), its extension (CREATE EXTENSION), or by its definition in a dump. Nothing was changed.',
  })
}

/** Warnings: what leaned on something that is back now, went with it, and is still gone. */
export async function goneToo(
  live: Server,
  leaning: readonly DatabaseObject[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const gone = await missingOf(live, leaning, signal)
  if (gone.length === 0) return []
  return [`still gone, since it leaned on what was brought back: ${listed(gone.map(nameOf))}`]
}

async function missingOf<T extends DatabaseObject>(
  live: Server,
  objects: readonly T[],
  signal: AbortSignal,
): Promise<readonly T[]> {
  const missing: T[] = []
  for (const object of objects) if (!(await isThere(live, object, signal))) missing.push(object)
  return missing
}
