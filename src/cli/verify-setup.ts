/** From the command line to the verification of one repository. */
import { faultCatalogue, isFault, type FaultCode } from '../base/fault.ts'
import type { VerifyReport } from '../operations/verify/report.ts'
import { verify, verifyDump, verifyManaged } from '../operations/verify/verify.ts'
import { readDump, readDumps } from '../repository/dump-catalog.ts'
import { archiveRepository } from '../repository/archive-repository.ts'
import { readAllManaged } from '../repository/managed-records.ts'
import { openWalStore } from '../repository/wal-store.ts'
import { archiveNameOf, isArchiveName } from '../operations/sources/archive-name.ts'
import { holdsAnything } from '../operations/sources/archives.ts'
import type { CommandContext } from './context.ts'
import { chooseBackup, findBackup, isManagedWord } from './find-backup.ts'
import { managedOpener } from './managed-servers.ts'
import { howOf } from './sources.ts'
import { workerCount } from './workers.ts'

export interface VerifyRequest {
  readonly repository: string | undefined
  readonly id: string | undefined
  readonly asOfMs: number | undefined
}

/** Of one of several repositories: what was found, or why it could not be looked at. */
export type VerifyOutcome = { readonly repository: string } & (VerifyReport | NotVerified)

export interface NotVerified {
  readonly isGood: false
  readonly error: { readonly code: FaultCode; readonly exit: number; readonly message: string }
}

/** Behind each repository its archive, where there is anything in it. */
export async function withArchives(
  context: CommandContext,
  names: readonly string[],
): Promise<readonly string[]> {
  const places: string[] = []
  for (const name of names) {
    places.push(name)
    try {
      const { repository } = await context.openRepository(name)
      if (await holdsAnything(archiveRepository(repository), context.signal)) places.push(archiveNameOf(name))
    } catch (error) {
      // It is told when the repository itself is verified.
      if (!isFault(error) || error.code === 'INTERRUPTED') throw error
    }
  }
  return places
}

/** One that can not be verified does not keep the others from it. */
export async function verifyAll(
  context: CommandContext,
  names: readonly string[],
  request: Omit<VerifyRequest, 'repository'>,
): Promise<readonly VerifyOutcome[]> {
  const outcomes: VerifyOutcome[] = []
  for (const repository of names) {
    try {
      outcomes.push({ repository, ...(await verifyOne(context, { ...request, repository })) })
    } catch (error) {
      if (!isFault(error) || error.code === 'INTERRUPTED') throw error
      const { code, exit, message } = error
      outcomes.push({ repository, isGood: false, error: { code, exit, message } })
    }
  }
  return outcomes
}

/** Damage counts for more than what could not be looked at. */
export function exitOf(outcomes: readonly (VerifyReport | NotVerified)[]): number | undefined {
  const bad = outcomes.filter(({ isGood }) => !isGood)
  if (bad.some(outcome => !('error' in outcome))) return faultCatalogue.VERIFY_FAILED.exit
  return bad.flatMap(outcome => ('error' in outcome ? [outcome.error.exit] : []))[0]
}

export async function verifyOne(context: CommandContext, request: VerifyRequest): Promise<VerifyReport> {
  const { world, progress, program, signal } = context
  const { config } = await context.config()
  const opened = await context.openRepository(request.repository, howOf(request))
  const { repository, encoding, description: storage } = opened
  const identities = await opened.identities()
  const deps = {
    world,
    progress,
    worker: program.worker,
    rates: await context.rates(),
    repository,
    storage,
    encoding,
    identities,
    wal: openWalStore(repository, { encoding, identities }),
    workers: workerCount(config.workers),
    openProvider: async (name: string) => (await import('./snapshot-setup.ts')).openProviderOf(context, name),
    openManaged: managedOpener(context),
    isArchive: isArchiveName(opened.name),
  }
  const { id } = request
  if (id !== undefined && isManagedWord(id)) {
    const { records } = await readAllManaged(repository, signal)
    return verifyManaged(
      deps,
      chooseBackup(records, id, one => one.id),
      signal,
    )
  }
  const dumps = id?.includes('-d') === true ? (await readDumps(repository, signal)).dumps : []
  if (id !== undefined && dumps.length > 0)
    return verifyDump(
      deps,
      await readDump(repository, chooseBackup(dumps, id, dump => dump.id).id, signal),
      signal,
    )
  const only = id === undefined ? undefined : await findBackup(repository, id, signal)
  return verify(deps, only, signal)
}
