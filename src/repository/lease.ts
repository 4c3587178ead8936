/**
 * Leases: one backup, one expiry at a time per cluster, however many hosts there are.
 *
 * A lease can be lost: its holder is told through `lost`, and stops. The holder gives up by its own clock well before
 * anybody else may take the lease by theirs. What a lease protects must still be safe against a holder that did not
 * notice in time: objects are written once, and deletion follows plans.
 */
import { hostname } from 'node:os'
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { isProvablyDead, ownProcess } from '../base/process-identity.ts'
import type { World } from '../base/world.ts'
import type { LeaseOwner } from './format/lease-record.ts'
import { HeldLease } from './held-lease.ts'
import { describeOwner, judgeLease, type LeaseJudgement } from './lease-judgement.ts'
import { openLeaseObjects, type LeaseName, type LeaseObject, type LeaseObjects } from './lease-objects.ts'
import type { Repository } from './repository.ts'

export interface Lease extends AsyncDisposable {
  readonly name: LeaseName
  /** Aborts, with a LEASE_LOST fault, when the lease could not be renewed in time or somebody else has it. */
  readonly lost: AbortSignal
}

/** This process, for `acquireLease`. `purpose` is told to whoever finds the lease held. */
export async function leaseOwner(purpose?: string): Promise<LeaseOwner> {
  return { host: hostname(), ...(await ownProcess()), purpose }
}

/**
 * REPOSITORY_LOCKED at once when somebody holds it. When the holder seems dead, but that can not be proven, this
 * watches for the lease's whole time (a minute) whether it is renewed, and then takes it.
 */
export async function acquireLease(
  repository: Repository,
  name: LeaseName,
  owner: LeaseOwner,
  world: World,
  signal: AbortSignal,
): Promise<Lease> {
  const objects = openLeaseObjects(repository, name)
  const last = await waitUntilFree(objects, name, world, signal)
  const lease = new HeldLease(objects, name, owner, world, last?.counter ?? 0)
  const winner = await lease.begin(signal)
  if (winner) throw locked(name, `${describeOwner(winner.record)} was faster`)
  return lease
}

/** Whether somebody holds the lease, without taking it. */
export async function readLease(
  repository: Repository,
  name: LeaseName,
  world: World,
  signal: AbortSignal,
): Promise<LeaseJudgement> {
  return judge(await openLeaseObjects(repository, name).latest(signal), world)
}

/** The last object of the lease, once that is free to be followed. */
async function waitUntilFree(
  objects: LeaseObjects,
  name: LeaseName,
  world: World,
  signal: AbortSignal,
): Promise<LeaseObject | undefined> {
  let watched: LeaseObject | undefined
  let watchedSinceMs = 0
  for (;;) {
    const current = await objects.latest(signal)
    const { verdict, reason } = await judge(current, world)
    if (verdict === 'free' || !current) return current
    if (verdict === 'held') throw locked(name, reason)
    const nowMs = world.clock.monotonicMs()
    if (!isSame(watched, current)) {
      watched = current
      watchedSinceMs = nowMs
    }
    if (nowMs - watchedSinceMs > current.record.ttlMs) return current
    await world.clock.sleep(limits.leaseRenewMs / 3, signal)
  }
}

async function judge(object: LeaseObject | undefined, { clock }: World): Promise<LeaseJudgement> {
  const record = object?.record
  const holderIsDead = record !== undefined && !record.released && (await isProvablyDead(record.owner))
  return judgeLease({ record, holderIsDead, nowMs: clock.now() })
}

function isSame(a: LeaseObject | undefined, b: LeaseObject): boolean {
  return a?.counter === b.counter && a.record.token === b.record.token
}

function locked(name: LeaseName, reason: string): Fault {
  return new Fault('REPOSITORY_LOCKED', `the lease "${name}" is taken: ${reason}`, {
    hint: 'Wait until that process is done. If it was killed on another host, the lease ends by itself within two minutes.',
  })
}
