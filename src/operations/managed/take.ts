/**
 * A snapshot that a managed server makes of itself: begun, waited for, copied to the other region, and recorded. What does
 * not become a record is removed again; what a killed run left goes first.
 */
import { Fault, isFault, messageOf } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import { toolName } from '../../base/version.ts'
import type { World } from '../../base/world.ts'
import { untilDone } from '../../cloud/until-done.ts'
import type { ManagedRecord } from '../../repository/format/managed-json.ts'
import { managedIdOf } from '../../repository/layout.ts'
import { putManaged, readManaged } from '../../repository/managed-records.ts'
import type { ManagedServer, ManagedSnapshot, ManagedWish } from '../../snapshots/managed/server.ts'
import { withMembers, type BackupMember, type BackupMembers, type MemberBehind } from '../backup/members.ts'
import { claimOf, findOrphans, removeOrphans, type Witness } from '../snapshot/orphans.ts'

export interface ManagedDeps {
  readonly world: World
  readonly progress: Progress
  readonly log: Log
  readonly server: ManagedServer
  /** All of them get the record. */
  readonly members: readonly BackupMember[]
  /** Repositories of the configuration that are not written now: they may know of snapshots that look like leftovers. */
  readonly otherWitnesses: readonly Witness[]
}

export interface ManagedRequest {
  readonly cluster: string
  readonly label: string
  readonly timeLimitMs: number
}

export interface ManagedOutcome {
  readonly record: ManagedRecord
  /** Repositories that have it. */
  readonly whole: readonly string[]
  readonly behind: readonly MemberBehind[]
}

export async function takeManaged(
  deps: ManagedDeps,
  request: ManagedRequest,
  signal: AbortSignal,
): Promise<ManagedOutcome> {
  return withMembers(deps, signal, members => takeFor(members, deps, request))
}

async function takeFor(
  members: BackupMembers,
  deps: ManagedDeps,
  request: ManagedRequest,
): Promise<ManagedOutcome> {
  const { world, progress, log, server } = deps
  const { held } = members
  const { cluster } = request
  await removeLeftovers(deps, members, cluster)
  const started = { ms: world.clock.now(), monotonicMs: world.clock.monotonicMs() }
  const repository = claimOf(members.leading().repository)
  const wish: ManagedWish = { cluster, repository, id: managedIdOf(started.ms) }
  log.info('managed-snapshot.started', { id: wish.id, provider: server.name, instance: server.instance })
  progress.phase(`having a snapshot of ${server.instance} made`)
  const made = await server.create(wish, held)
  const references = [made.reference]
  try {
    progress.phase(`waiting for ${made.reference}`)
    await untilReady(deps, made.reference, request.timeLimitMs, held)
    const copy = await copied(deps, wish, made.reference, held)
    if (copy) references.push(copy.reference)
    const record = recordOf(deps, request, { wish, made, copy, started })
    await members.each(member => putManaged(member.repository, record, held))
    held.throwIfAborted()
    log.info('managed-snapshot.finished', { id: wish.id, durationMs: record.durationMs })
    return { record, whole: members.whole().map(({ name }) => name), behind: members.dropped() }
  } catch (error) {
    await removeUnlessKnown(deps, members, wish.id, references)
    throw error
  }
}

interface Made {
  readonly wish: ManagedWish
  readonly made: ManagedSnapshot
  readonly copy: ManagedRecord['copy'] | undefined
  readonly started: { readonly ms: number; readonly monotonicMs: number }
}

function recordOf(
  { world, server }: ManagedDeps,
  { label }: ManagedRequest,
  { wish, made, copy, started }: Made,
): ManagedRecord {
  return {
    format: 1,
    id: wish.id,
    kind: 'managed',
    cluster: wish.cluster,
    label,
    provider: server.name,
    instance: server.instance,
    reference: made.reference,
    engine: made.engine,
    engineVersion: made.engineVersion,
    sizeBytes: made.sizeBytes ?? null,
    details: made.details,
    copy: copy ?? null,
    startedAt: new Date(started.ms).toISOString(),
    endedAt: new Date(world.clock.now()).toISOString(),
    durationMs: Math.round(world.clock.monotonicMs() - started.monotonicMs),
    tool: toolName,
  }
}

async function untilReady(
  { server, world }: ManagedDeps,
  reference: string,
  msMax: number,
  signal: AbortSignal,
): Promise<void> {
  await untilDone(
    async () => {
      const state = await server.describe(reference, signal)
      if (state?.state === 'failed') throw failed(server, reference)
      return state?.state === 'ready' ? true : undefined
    },
    world,
    { what: reference, msMax },
    signal,
  )
}

/** Begun, and not waited for: it may take hours. */
async function copied(
  { server, progress }: ManagedDeps,
  wish: ManagedWish,
  reference: string,
  signal: AbortSignal,
): Promise<ManagedRecord['copy'] | undefined> {
  const region = server.copyTarget
  if (region === undefined) return undefined
  progress.phase(`having it copied to ${region}`)
  return { region, reference: await server.copy(wish, { reference }, region, signal) }
}

/** What killed runs left costs money with the vendor. A region that can not be asked is left for the next run. */
async function removeLeftovers(
  { server, world, progress, log, otherWitnesses }: ManagedDeps,
  members: BackupMembers,
  cluster: string,
): Promise<void> {
  const own = members.whole().map(({ name, repository }) => ({
    name,
    open: () => Promise.resolve(repository),
    isOurs: true,
  }))
  const witnesses = [...own, ...otherWitnesses.filter(({ name }) => !own.some(one => one.name === name))]
  const { found } = await server.list({ cluster }, members.held)
  const { orphans, keptBecause } = await findOrphans({ world, witnesses }, found, members.held)
  if (keptBecause !== undefined)
    for (const { reference } of orphans)
      progress.note(`${reference} belongs to no entry, and is kept: ${keptBecause}`)
  const removable = keptBecause === undefined ? orphans : []
  const remove = ({ reference }: { readonly reference: string }, stop: AbortSignal): Promise<void> =>
    server.remove(reference, stop)
  for (const { snapshot, failure } of await removeOrphans(removable, remove, members.held)) {
    const { id, reference } = snapshot
    progress.note(
      failure === undefined
        ? `removed ${reference}: the snapshot ${id} belongs to no entry`
        : `${reference} (${id}) belongs to no entry, and could not be removed: ${failure}`,
    )
    if (failure === undefined) log.info('managed-snapshot.orphan-removed', { id, reference })
  }
}

/** An entry may have arrived although its answer was lost: then everything stays. Where nobody can tell, the next run can. */
async function removeUnlessKnown(
  { server, progress }: ManagedDeps,
  members: BackupMembers,
  id: string,
  references: readonly string[],
): Promise<void> {
  const { signal } = new AbortController()
  try {
    for (const { repository } of members.all()) if (await readManaged(repository, id, signal)) return
  } catch (error) {
    if (!isFault(error)) throw error
    progress.note(
      `${references.join(' and ')} are left, and the next \`holdfast snapshot\` removes them: ${error.message}`,
    )
    return
  }
  for (const reference of references)
    await server.remove(reference, signal).catch((error: unknown) => {
      progress.note(
        `${reference} could not be removed again; the next \`holdfast snapshot\` tries: ${messageOf(error)}`,
      )
    })
}

function failed({ name }: ManagedServer, reference: string): Fault {
  return new Fault('SNAPSHOT_FAILED', `${name}: ${reference} failed`, {
    hint: "Look at the server's events in the vendor's console, and try again.",
  })
}
