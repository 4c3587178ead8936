/** Configuration files for a data directory that came without: Debian keeps them in /etc, outside of every backup. */
import { chown, writeFile } from 'node:fs/promises'
import type { Owner } from './owner.ts'
import {
  configNames,
  generatedFiles,
  localHba,
  minimalConfig,
  missingFiles,
  privateHba,
  type Settings,
} from './start-settings.ts'

export interface GenerateRequest {
  readonly dataDirectory: string
  readonly runDirectory: string
  readonly reach: 'private' | 'configured'
  readonly owner: Owner
}

/** Writes what is missing into the run directory, and returns the settings that point there. */
export async function generateFiles(request: GenerateRequest): Promise<Settings> {
  const { dataDirectory, runDirectory, reach, owner } = request
  const files = generatedFiles(runDirectory)
  const missing = await missingFiles(dataDirectory)
  const settings: Record<string, string> = {}
  const write = async (name: keyof typeof files, text: string): Promise<void> => {
    await writeFile(files[name], text, { mode: 0o600 })
    if (process.getuid?.() === 0) await chown(files[name], owner.userId, owner.groupId)
    settings[`${name}_file`] = files[name]
  }
  if (missing.includes('config')) await write('config', await minimalConfig(dataDirectory))
  const needs = async (name: 'hba' | 'ident'): Promise<boolean> =>
    reach === 'private' || (missing.includes(name) && !(await configNames(dataDirectory, `${name}_file`)))
  if (await needs('hba')) await write('hba', reach === 'private' ? privateHba : localHba)
  if (await needs('ident')) await write('ident', '')
  return settings
}
