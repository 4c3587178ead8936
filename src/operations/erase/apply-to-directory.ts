/**
 * Applies requests to forget a person to a data directory that was restored and not opened: starts its server where only we
 * can reach it, lets it end its recovery, applies them, stops it, and takes away what kept others out.
 */
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, messageOf } from '../../base/fault.ts'
import { openToAll } from '../../postgres/closed-server.ts'
import { refuseIfInUse } from '../../postgres/data-directory-lock.ts'
import { followRecovery } from '../../postgres/local-server/follow-recovery.ts'
import { startLocalServer } from '../../postgres/local-server/local-server.ts'
import { findServer, type ToolPlaces } from '../../postgres/tools.ts'
import { runDirectoryFor } from '../restore/start.ts'
import type { AppliedErasure } from './apply-erasures.ts'
import { forgetInRestored, type ForgetDeps, type ForgetJob } from './forget-restored.ts'

export interface DirectoryReport {
  readonly directory: string
  readonly outcomes: readonly AppliedErasure[]
}

export async function applyToDirectory(
  deps: ForgetDeps & { readonly places: ToolPlaces },
  { directory, ...job }: Omit<ForgetJob, 'operation' | 'from'> & { readonly directory: string },
  signal: AbortSignal,
): Promise<DirectoryReport> {
  const { world, environment, progress, places } = deps
  const major = await majorOf(directory)
  await refuseStandby(directory)
  const options = {
    dataDirectory: directory,
    programs: await findServer(major, places, signal),
    runDirectory: await runDirectoryFor(directory),
    reach: 'private',
    archives: true,
    hotStandby: false,
    // Whoever asked for a pause has looked by now.
    settings: { recovery_target_action: 'promote' },
    environment,
  } as const
  progress.phase('starting the server, for us alone')
  await using server = await startLocalServer(options, world, signal)
  await followRecovery(server, { standby: false }, world, signal)
  const about = { ...job, operation: 'apply', from: undefined } as const
  const outcomes = await forgetInRestored(deps, server, about, signal)
  await server.stop()
  await openToAll(directory)
  return { directory, outcomes }
}

/** On somebody's word, which `note` writes down first. */
export async function openUnapplied(directory: string, note: () => Promise<void>): Promise<void> {
  await majorOf(directory)
  await refuseIfInUse(directory)
  await note()
  await openToAll(directory)
}

async function majorOf(directory: string): Promise<number> {
  const path = join(directory, 'PG_VERSION')
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Fault('DATA_DIRECTORY', `${directory} is no data directory: ${messageOf(error)}`, {
      hint: 'Name the directory that was restored, as --target-dir of holdfast restore did.',
      cause: error,
    })
  })
  return Number.parseInt(text, 10)
}

async function refuseStandby(directory: string): Promise<void> {
  const isStandby = await access(join(directory, 'standby.signal')).then(
    () => true,
    () => false,
  )
  if (isStandby)
    throw new Fault('USAGE', `${directory} is a standby`, {
      hint: 'Apply nothing here: it replays what its primary does. Run the SQL on the primary.',
    })
}
