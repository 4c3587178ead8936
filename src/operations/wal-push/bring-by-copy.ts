/** Brings a WAL file that is no longer in pg_wal from a repository that has it, as `holdfast copy` does. Loaded when needed. */
import { Fault, type FaultCode, faultCatalogue } from '../../base/fault.ts'
import { silentProgress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import { walKey } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import { arrivalAt } from '../copy/copy-object.ts'
import { copyWal } from '../copy/copy-wal.ts'
import type { StoredWal } from '../copy/holdings.ts'
import { CopyTally, type CopyProblem } from '../copy/report.ts'
import type { CopySide } from '../copy/sides.ts'
import type { OpenTarget } from './target.ts'

/** Throws why no repository could give it. */
export async function bringByCopy(
  target: OpenTarget,
  others: readonly OpenTarget[],
  name: string,
  world: World,
  signal: AbortSignal,
): Promise<void> {
  let last: Fault | undefined
  for (const other of others) {
    const from = await sideOf(other, signal)
    const file = await find(from.repository, name, signal)
    if (!file) continue
    const to = await sideOf(target, signal)
    const tally = new CopyTally()
    const arrival = await arrivalAt(to.repository.storage, signal)
    const run = { world, progress: silentProgress, from, to, arrival, tally, sources: () => only(from) }
    const failed = { failedWal: new Set<string>(), failedBackups: new Set<string>() }
    await copyWal({ ...run, ...failed }, [file], signal)
    if (!failed.failedWal.has(name)) return
    last = faultOf(tally.problems[0])
  }
  throw last ?? nowhere(name, target.name)
}

/** No secret keys: where they are needed, the copy says so. */
async function sideOf(target: OpenTarget, signal: AbortSignal): Promise<CopySide> {
  const { repository } = await target.open(signal)
  return { name: target.name, repository, recipients: target.encoding.recipients, identities: [] }
}

async function find(
  { storage, identity }: Repository,
  name: string,
  signal: AbortSignal,
): Promise<StoredWal | undefined> {
  for (const suffix of ['.zst.age', '.zst']) {
    const info = await storage.stat(walKey(identity.cluster, name, suffix), signal)
    if (info) return { name, key: info.key, sizeBytes: info.sizeBytes, modifiedMs: info.modifiedMs }
  }
  return undefined
}

async function* only(side: CopySide): AsyncIterable<CopySide> {
  yield side
}

function faultOf(problem: CopyProblem | undefined): Fault | undefined {
  if (!problem) return undefined
  const { code, message, hint } = problem
  const known = Object.keys(faultCatalogue).find((each): each is FaultCode => each === code)
  return new Fault(known ?? 'FAILED', message, { hint })
}

const nowhere = (name: string, target: string): Fault =>
  new Fault(
    'REPOSITORY_BEHIND',
    `${name} is owed to "${target}", and is neither in pg_wal nor in another repository`,
    {
      hint: 'Make a new backup: what "holdfast wal status" shows as a gap of that repository can not be filled any more.',
    },
  )
