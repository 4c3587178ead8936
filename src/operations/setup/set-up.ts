/**
 * `init`: makes what is missing, in an order in which every step can be done again: the key, then the configuration
 * that names it, then (make-repositories.ts) the repositories that the configuration names.
 */
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { World } from '../../base/world.ts'
import type { LoadedConfig } from '../../config/config.ts'
import { loadConfig, parseConfig } from '../../config/load.ts'
import { configText, type AccessAnswers, type ConfigAnswers } from './config-text.ts'
import { readOrMakeIdentity, type KeyPair } from './identity-file.ts'
import { writeNewFile, type FileOwner } from './new-file.ts'

export interface SetupAnswers {
  readonly cluster: string
  readonly connection: string
  readonly repositoryUrl: string
  readonly access: AccessAnswers
  readonly encrypt: boolean
}

/** Beside the configuration, which names it. */
export function identityFileFor(configPath: string): string {
  return join(dirname(configPath), 'identity.txt')
}

export interface MadeConfig {
  readonly loaded: LoadedConfig
  readonly keys: KeyPair | undefined
  /** That were not there before, the configuration first. */
  readonly files: readonly string[]
}

export async function makeConfig(
  configPath: string,
  answers: SetupAnswers,
  owner: FileOwner | undefined,
  { clock }: World,
): Promise<MadeConfig> {
  const identityFile = identityFileFor(configPath)
  const parts = (recipient: string): ConfigAnswers => ({
    ...answers,
    encryption: answers.encrypt ? { recipient, identityFile } : 'none',
  })
  // An answer that the schema refuses is told before anything is made.
  parseConfig(configText(parts('age1placeholder')), 'these answers')
  const keys = answers.encrypt ? await readOrMakeIdentity(identityFile, owner, clock.now()) : undefined
  // The server's user reads it, for archive_command; others do not, since a connection may hold a password.
  const isNew = await writeNewFile(configPath, configText(parts(keys?.recipient ?? '')), {
    mode: 0o640,
    owner,
  })
  const files = [...(isNew ? [configPath] : []), ...(keys?.isNew === true ? [identityFile] : [])]
  return { loaded: await loadConfig(configPath), keys, files }
}

/** When no repository could be made: the next `init` asks anew, and shows the key that it then makes. */
export async function unmakeConfig({ files }: MadeConfig): Promise<void> {
  for (const file of files) await rm(file, { force: true })
}
