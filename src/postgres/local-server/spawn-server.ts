/** The process of a server: detached, so that it can outlive us, with its output in a file. */
import { spawn, type ChildProcess } from 'node:child_process'
import { open } from 'node:fs/promises'
import { Fault, messageOf } from '../../base/fault.ts'
import type { LocalServerOptions } from './local-server.ts'
import type { RunAs } from './owner.ts'
import type { Settings } from './start-settings.ts'

export async function spawnServer(
  options: LocalServerOptions,
  settings: Settings,
  as: RunAs,
  logFile: string,
  signal: AbortSignal,
): Promise<ChildProcess> {
  signal.throwIfAborted()
  const log = await open(logFile, 'a', 0o600)
  const args = [
    '-D',
    options.dataDirectory,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${String(value)}`]),
  ]
  const [program = '', ...rest] = [...as.command, options.programs.postgres, ...args]
  try {
    const child = spawn(program, rest, {
      ...as.options,
      cwd: options.runDirectory,
      env: { ...options.environment },
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
    })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    child.unref()
    return child
  } catch (error) {
    throw new Fault('SERVER_START', `${program} could not be run: ${messageOf(error)}`, {
      hint: 'See that this user may run it, and that its folder can be reached.',
      cause: error,
    })
  } finally {
    await log.close()
  }
}
