/** How jobs step back for the others on their host: words that stand before their command. */
import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentSetup } from './setup.ts'

/** A program that is not there (a container without it) is left out: a backup without manners is better than none. */
export async function mannersOf(
  { nice, io }: Pick<AgentSetup, 'nice' | 'io'>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[]> {
  const folders = (environment['PATH'] ?? '').split(':').filter(folder => folder.startsWith('/'))
  const ifThere = async (program: string, ...words: readonly string[]): Promise<readonly string[]> => {
    for (const folder of folders) if (await isProgram(join(folder, program))) return [program, ...words]
    return []
  }
  const ioClass = io === 'idle' ? ['-c', '3'] : ['-c', '2', '-n', '7']
  return [
    ...(nice > 0 ? await ifThere('nice', '-n', String(nice)) : []),
    ...(io === 'normal' ? [] : await ifThere('ionice', '-t', ...ioClass)),
  ]
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
