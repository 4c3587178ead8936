/** A new, empty cluster, as initdb makes it: for what is restored into a server and not as one. */
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Fault, messageOf } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { ServerPrograms } from '../tools.ts'
import { ownerOf, runAs } from './owner.ts'

const run = promisify(execFile)

/** The directory is there, empty, and belongs to whom the server is to run as. */
export async function makeCluster(
  { binDirectory }: Pick<ServerPrograms, 'binDirectory'>,
  { dataDirectory, superuser }: { readonly dataDirectory: string; readonly superuser: string },
  signal: AbortSignal,
): Promise<void> {
  const as = await runAs(await ownerOf(dataDirectory), dataDirectory)
  const initdb = join(binDirectory, 'initdb')
  const words = ['-D', dataDirectory, '-U', superuser, '--auth=trust', '--encoding=UTF8', '--locale=C', '-k']
  const [program = '', ...args] = [...as.command, initdb, ...words]
  try {
    await run(program, args, {
      ...as.options,
      signal,
      timeout: limits.toolMsMax,
      cwd: dirname(dataDirectory),
      env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
    })
  } catch (error) {
    signal.throwIfAborted()
    throw new Fault(
      'SERVER_START',
      `initdb could not make a cluster in ${dataDirectory}: ${messageOf(error)}`,
      {
        hint: 'Run it by hand as the same user to see what is wrong; it comes with the server package.',
        cause: error,
      },
    )
  }
}
