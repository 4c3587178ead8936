/** Which libraries a server would load when it starts, by its own reading of its configuration. */
import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { promisify } from 'node:util'
import { dirname } from 'node:path'
import { limits } from '../../base/limits.ts'
import type { ServerPrograms } from '../tools.ts'
import { ownerOf, runAs } from './owner.ts'
import { generatedFiles } from './start-settings.ts'

const run = promisify(execFile)

/** `runDirectory`: where configuration was generated for it, when it came without. */
export async function preloadedLibraries(
  { postgres }: Pick<ServerPrograms, 'postgres'>,
  { dataDirectory, runDirectory }: { readonly dataDirectory: string; readonly runDirectory: string },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const as = await runAs(await ownerOf(dataDirectory), dataDirectory)
  const { config } = generatedFiles(runDirectory)
  const generated = await access(config).then(
    () => ['-c', `config_file=${config}`],
    () => [],
  )
  const asked = ['-C', 'shared_preload_libraries', '-D', dataDirectory, ...generated]
  const [program = '', ...args] = [...as.command, postgres, ...asked]
  const { stdout } = await run(program, args, {
    ...as.options,
    signal,
    timeout: limits.toolMsMax,
    cwd: dirname(dataDirectory),
    env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
  })
  return librariesIn(stdout)
}

/** A list as PostgreSQL prints it: `pg_cron, "odd name"`. */
export function librariesIn(text: string): readonly string[] {
  const found = text.trim().matchAll(/"((?:[^"]|"")*)"|[^",\s]+/g)
  return Array.from(found, ([all, quoted]) => quoted?.replaceAll('""', '"') ?? all)
}

export const librarySetting = (libraries: readonly string[]): string =>
  libraries.map(name => `"${name.replaceAll('"', '""')}"`).join(',')
