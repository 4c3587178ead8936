/** Where the configuration file is looked for. */
import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Fault, errnoOf } from '../base/fault.ts'

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
}

export const systemConfigPath = '/etc/holdfast/holdfast.yaml'
const fileName = 'holdfast.yaml'

/** `given` is what `--config` said. The file that it or `$HOLDFAST_CONFIG` names need not exist: reading it tells. */
export async function findConfig(
  given: string | undefined,
  { environment, workingDirectory }: Surroundings,
): Promise<string> {
  const named = given ?? environment['HOLDFAST_CONFIG']
  if (named !== undefined && named !== '') return resolve(workingDirectory, named)
  const candidates = [resolve(workingDirectory, fileName), systemConfigPath]
  for (const candidate of candidates) if (await exists(candidate)) return candidate
  throw new Fault('CONFIG_MISSING', `no configuration file: neither ${candidates.join(' nor ')} exists`, {
    hint: 'Make one with `holdfast init`, or name yours with --config FILE or $HOLDFAST_CONFIG.',
  })
}

/** A file that is there and can not be seen counts as there: reading it then says why. */
async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    return errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR'
  }
}
