/**
 * `init`: makes what is missing, in an order in which every step can be done again: the key, then the configuration
 * that names it, then the repositories that the configuration names.
 */
import { chown, mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errnoOf } from '../../base/fault.ts'
import type { World } from '../../base/world.ts'
import type { LoadedConfig } from '../../config/config.ts'
import { loadConfig, parseConfig } from '../../config/load.ts'
import type { ServerFacts } from '../../postgres/server-facts.ts'
import { initRepository, type ClusterIdentity } from '../../repository/repository.ts'
import { openStorage } from '../../storage/open.ts'
import { describeStorage, type Environment } from '../storage-description.ts'
import { configText, type ConfigAnswers } from './config-text.ts'
import { readOrMakeIdentity, type KeyPair } from './identity-file.ts'
import { writeNewFile, type FileOwner } from './new-file.ts'

export interface SetupAnswers {
  readonly cluster: string
  readonly connection: string
  readonly repositoryUrl: string
  readonly encrypt: boolean
}

/** Beside the configuration, which names it. */
export function identityFileFor(configPath: string): string {
  return join(dirname(configPath), 'identity.txt')
}

export async function makeConfig(
  configPath: string,
  answers: SetupAnswers,
  owner: FileOwner | undefined,
  { clock }: World,
): Promise<{ readonly loaded: LoadedConfig; readonly keys: KeyPair | undefined }> {
  const identityFile = identityFileFor(configPath)
  const parts = (recipient: string): ConfigAnswers => ({
    ...answers,
    encryption: answers.encrypt ? { recipient, identityFile } : 'none',
  })
  // An answer that the schema refuses is told before anything is made.
  parseConfig(configText(parts('age1placeholder')), 'these answers')
  const keys = answers.encrypt ? await readOrMakeIdentity(identityFile, owner, clock.now()) : undefined
  // The server's user reads it, for archive_command; others do not, since a connection may hold a password.
  await writeNewFile(configPath, configText(parts(keys?.recipient ?? '')), { mode: 0o640, owner })
  return { loaded: await loadConfig(configPath), keys }
}

/** Makes the repositories of the configuration, and enters the cluster. Harmless for those that are there. */
export async function makeRepositories(
  loaded: LoadedConfig,
  facts: ServerFacts,
  { owner, environment }: { readonly owner: FileOwner | undefined; readonly environment: Environment },
  world: World,
  signal: AbortSignal,
): Promise<readonly { readonly name: string; readonly location: string }[]> {
  const identity: ClusterIdentity = {
    cluster: loaded.config.cluster,
    systemIdentifier: facts.systemIdentifier,
    postgresMajor: facts.major,
    walSegmentSizeBytes: facts.walSegmentSizeBytes,
  }
  const made = []
  for (const [name, { url }] of Object.entries(loaded.config.repositories)) {
    if (owner && url.startsWith('file:')) await makeFolderFor(owner, url)
    const description = await describeStorage(loaded, name, environment, signal)
    const storage = await openStorage({ ...description, make: true }, world)
    try {
      await initRepository(storage, identity, world, signal)
      made.push({ name, location: storage.location })
    } finally {
      await storage.close()
    }
  }
  return made
}

/** What lies in a folder that belongs to the server's user is given to that user, too, when root writes it. */
async function makeFolderFor({ uid, gid }: FileOwner, url: string): Promise<void> {
  const folder = URL.parse(url)
  if (!folder || folder.host !== '') return
  const path = fileURLToPath(folder)
  if (await isMissingOrEmpty(path)) {
    await mkdir(path, { recursive: true, mode: 0o700 })
    if ((await stat(path)).uid === 0) await chown(path, uid, gid)
  }
}

async function isMissingOrEmpty(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length === 0
  } catch (error) {
    return errnoOf(error) === 'ENOENT'
  }
}
