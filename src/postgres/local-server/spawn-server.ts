/** The process of a server: detached, so that it can outlive us, with its output in a file. */
import { spawn, type ChildProcess } from 'node:child_process'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault, messageOf } from '../../base/fault.ts'
import type { Environment } from '../connection-string.ts'
import type { RunAs } from './owner.ts'
import type { Settings } from './start-settings.ts'

export interface SpawnRequest {
  /** The path of `postgres`. */
  readonly postgres: string
  readonly dataDirectory: string
  readonly settings: Settings
  readonly as: RunAs
  readonly environment: Environment
  readonly logFile: string
}

/** Resolves when the process exists; whether it lives long is another matter. */
export async function spawnServer(request: SpawnRequest, signal: AbortSignal): Promise<ChildProcess> {
  signal.throwIfAborted()
  const settings = Object.entries(request.settings).flatMap(([name, value]) => [
    '-c',
    `${name}=${String(value)}`,
  ])
  const words = [...request.as.command, request.postgres, '-D', request.dataDirectory, ...settings]
  const [program = '', ...args] = words
  const log = await open(request.logFile, 'a', 0o600)
  try {
    const child = spawn(program, args, {
      ...request.as.options,
      cwd: dirname(request.logFile),
      env: { ...request.environment },
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
