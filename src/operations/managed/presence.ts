/** Whether the snapshots that managed servers made are still there, and how far their copies are: only the vendor knows. */
import { isFault, type Fault } from '../../base/fault.ts'
import type { ManagedRecord } from '../../repository/format/managed-json.ts'
import type { ManagedListing, ManagedServer, ManagedState } from '../../snapshots/managed/server.ts'

/** Opens the server that a record names, whatever the configuration says today. */
export type OpenManaged = (record: Pick<ManagedRecord, 'provider' | 'instance'>) => Promise<ManagedServer>

export interface Whereabouts {
  readonly reference: string
  /** `unknown`: nobody could be asked. */
  readonly state: 'ready' | 'pending' | 'failed' | 'gone' | 'unknown'
  readonly percent?: number
  /** A clause with its subject: `eu-central-1/… is gone`. */
  readonly message: string
}

export interface ManagedPresence {
  readonly record: ManagedRecord
  readonly snapshot: Whereabouts
  /** Undefined where none was begun. */
  readonly copy: (Whereabouts & { readonly region: string }) | undefined
}

/** In the order of the records. One question for each server and region, and one for each snapshot that was not found by it. */
export async function presencesOf(
  records: readonly ManagedRecord[],
  open: OpenManaged,
  signal: AbortSignal,
): Promise<readonly ManagedPresence[]> {
  const byServer = Map.groupBy(records, ({ provider, instance }) => `${provider} ${instance}`)
  const found = new Map<string, ManagedPresence>()
  for (const some of byServer.values())
    for (const presence of await ofOneServer(some, open, signal)) found.set(presence.record.id, presence)
  return records.flatMap(({ id }) => found.get(id) ?? [])
}

/** Of records of which nobody can be asked. */
export const unknownPresences = (
  records: readonly ManagedRecord[],
  { message }: Pick<Fault, 'message'>,
): readonly ManagedPresence[] =>
  records.map(record => presenceOf(record, reference => ({ reference, state: 'unknown', message })))

/** From one of the two it can be restored. */
export const isRestorable = ({ snapshot, copy }: ManagedPresence): boolean =>
  snapshot.state === 'ready' || copy?.state === 'ready'

async function ofOneServer(
  records: readonly ManagedRecord[],
  open: OpenManaged,
  signal: AbortSignal,
): Promise<readonly ManagedPresence[]> {
  const [first] = records
  if (!first) return []
  try {
    const server = await open(first)
    try {
      const listing = await server.list(first, signal)
      const seen = new Map<string, Whereabouts>()
      for (const { reference, copy } of records)
        for (const each of [reference, ...(copy ? [copy.reference] : [])])
          seen.set(each, await whereaboutsOf(server, listing, each, signal))
      return records.map(record => presenceOf(record, reference => seen.get(reference) ?? gone(reference)))
    } finally {
      await server.close()
    }
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error)) throw error
    return unknownPresences(records, error)
  }
}

function presenceOf(record: ManagedRecord, find: (reference: string) => Whereabouts): ManagedPresence {
  const { copy } = record
  return {
    record,
    snapshot: find(record.reference),
    copy: copy ? { ...find(copy.reference), region: copy.region } : undefined,
  }
}

async function whereaboutsOf(
  server: ManagedServer,
  { found, closed }: ManagedListing,
  reference: string,
  signal: AbortSignal,
): Promise<Whereabouts> {
  const listed = found.find(one => one.reference === reference)
  if (listed) return told(reference, listed.state)
  const [outage] = closed
  if (outage) return { reference, state: 'unknown', message: outage.message }
  try {
    // It may lie in a region, or belong to a server, that the configuration does not name any more.
    return told(reference, await server.describe(reference, signal))
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error)) throw error
    return { reference, state: 'unknown', message: error.message }
  }
}

function told(reference: string, state: ManagedState | undefined): Whereabouts {
  if (!state) return gone(reference)
  const { percent } = state
  const message = {
    ready: 'is there',
    pending: `is being made${percent === undefined ? '' : `, ${String(percent)} %`}`,
    failed: 'has failed',
  }[state.state]
  return {
    reference,
    state: state.state,
    ...(percent === undefined ? {} : { percent }),
    message: `${reference} ${message}`,
  }
}

const gone = (reference: string): Whereabouts => ({
  reference,
  state: 'gone',
  message: `${reference} is gone`,
})
