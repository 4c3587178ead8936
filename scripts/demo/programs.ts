/** Runs programs as the demo's user, in the demo's folder. */
import { spawn } from 'node:child_process'
import type { Stage } from './stage.ts'

export interface Ended {
  readonly status: number | null
  readonly out: string
  readonly err: string
  readonly durationMs: number
}

/** Stops the program when the signal aborts, and waits for its end even then. */
export async function runProgram(
  stage: Stage,
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<Ended> {
  signal.throwIfAborted()
  const startedAt = performance.now()
  const { uid, gid } = stage.account
  const child = spawn(program, args, {
    uid,
    gid,
    cwd: stage.folder,
    env: environmentOf(stage),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stop = (): void => void child.kill('SIGINT')
  signal.addEventListener('abort', stop)
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
      // What was started and goes on may hold the pipes.
      child.once('exit', code => setTimeout(resolve, 1000, code))
    })
    signal.throwIfAborted()
    return { status, out, err, durationMs: performance.now() - startedAt }
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Nothing of the caller's settings for PostgreSQL or Holdfast. `restore --start` finds the server on the path. */
export function environmentOf({ folder, binDirectory }: Stage): NodeJS.ProcessEnv {
  return { PATH: `${binDirectory}:${process.env['PATH'] ?? ''}`, HOME: folder, LC_ALL: 'C', TZ: 'UTC' }
}
