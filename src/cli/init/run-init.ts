/** The course of `init`: ask, look at the server, make what is missing, and say what is left to do. */
import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isFault } from '../../base/fault.ts'
import type { LoadedConfig } from '../../config/config.ts'
import { findConfig, systemConfigPath } from '../../config/find.ts'
import { loadConfig } from '../../config/load.ts'
import { checkLauncher, checkReadable } from '../../operations/doctor/check-host.ts'
import { serverUserToServe } from '../../operations/setup/server-user.ts'
import { makeRepositories } from '../../operations/setup/make-repositories.ts'
import {
  identityFileFor,
  makeConfig,
  unmakeConfig,
  type SetupAnswers,
} from '../../operations/setup/set-up.ts'
import { connect } from '../../postgres/connection.ts'
import { serverFacts } from '../../postgres/server-facts.ts'
import { archiveCommandOf } from '../archive-command.ts'
import type { CommandContext } from '../context.ts'
import type { Terminal } from '../terminal.ts'
import { usageFault } from '../usage.ts'
import { collectAnswers, type GivenAnswers } from './answers.ts'
import { contradictionOf } from './contradiction.ts'
import { reportOf } from './report.ts'
import { settle } from './settings.ts'

export interface InitGiven extends GivenAnswers {
  readonly apply: boolean
}

/** Where `init` begins: with a configuration that is there, or with answers for a new one. */
type Start =
  | { readonly kind: 'found'; readonly loaded: LoadedConfig }
  | { readonly kind: 'asked'; readonly answers: SetupAnswers }

export async function runInit(context: CommandContext, given: InitGiven): Promise<undefined> {
  const { world, terminal, output, program, signal } = context
  const path = await configPathFor(context)
  const start = await startAt(path, given, terminal)

  // The server is looked at before anything is made: most of what may go wrong goes wrong here.
  await using server =
    start.kind === 'found'
      ? await context.connect(signal)
      : await connect(start.answers.connection, terminal, signal)
  const facts = await serverFacts(server, signal)
  output.note(`PostgreSQL ${facts.version} at ${server.where}, system identifier ${facts.systemIdentifier}`)
  const owner = await serverUserToServe(facts.dataDirectory)

  const made =
    start.kind === 'found'
      ? { loaded: start.loaded, keys: undefined, files: [] }
      : await makeConfig(path, start.answers, owner, world)
  const makeDeps = { world, progress: context.progress, owner, environment: terminal.environment }
  const repositories = await makeRepositories(makeDeps, made.loaded, facts, signal).catch(
    async (error: unknown) => {
      await unmakeConfig(made)
      throw error
    },
  )
  const settings = await settle(context, server, facts, archiveCommandOf(program, path), given)

  // Said now, and not only by the doctor: PostgreSQL would find out at its next segment.
  const forPostgres = [
    ...(await checkReadable(path, owner, signal)),
    await checkLauncher(program.launcher, owner, signal),
  ]
  for (const { message, fix } of forPostgres) if (fix !== undefined) output.warn(`${message}. ${fix}`)

  const identityFile = identityFileFor(path)
  const isNew = start.kind === 'asked'
  const report = reportOf({ ...made, isNew, identityFile, repositories, settings, nowMs: world.clock.now() })
  output.result(report.json, () => report.text)
  return undefined
}

async function startAt(path: string, given: InitGiven, terminal: Terminal): Promise<Start> {
  const loaded = await loadIfThere(path)
  if (!loaded) return { kind: 'asked', answers: await collectAnswers(given, terminal) }
  refuseOtherAnswers(given, loaded)
  return { kind: 'found', loaded }
}

/** The file that the other commands would find; when there is none, the place for a new one. */
async function configPathFor({ configPath, terminal }: CommandContext): Promise<string> {
  try {
    return await findConfig(configPath, terminal)
  } catch (error) {
    if (!isFault(error, 'CONFIG_MISSING')) throw error
    return process.geteuid?.() === 0 ? systemConfigPath : resolve(terminal.workingDirectory, 'holdfast.yaml')
  }
}

async function loadIfThere(path: string): Promise<LoadedConfig | undefined> {
  try {
    await access(path)
  } catch {
    return undefined
  }
  return loadConfig(path)
}

/** What is in the file counts; an option that says otherwise would be ignored in silence. */
function refuseOtherAnswers(given: GivenAnswers, { config, path }: LoadedConfig): void {
  const option = contradictionOf(given, config)
  if (option === undefined) return
  throw usageFault(
    `there is a configuration already, and it says otherwise than ${option}: ${path}`,
    'Change it in the file and run init without this option, or write another one with --config FILE.',
  )
}
