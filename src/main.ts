/**
 * The process: argv in, exit status out. The only file that knows `process`: streams, environment, signals, exit.
 *
 * Nothing is imported before the exit status for a failure is settled: PostgreSQL takes a `wal get` that ends with 1
 * to 125 for the end of the archive, and promotes. A chunk that is missing because the package is just being
 * replaced must not look like that.
 */
import type { Stream, Terminal } from './cli/terminal.ts'

const words = process.argv.slice(2)

/** For what goes wrong outside of a command; `statusOfFailure` in cli/run.ts is for what goes wrong inside. */
const statusOfBreakdown = words.includes('get') ? 126 : 1
// Also when the event loop runs dry while something is still awaited: Node would end with 13.
process.exitCode = statusOfBreakdown
process.on('uncaughtException', breakDown)

// What the launcher has set for this process is not for those that it starts: a server, hooks.
if (process.env['HOLDFAST_MALLOC'] === 'own')
  for (const name of ['HOLDFAST_MALLOC', 'MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_'])
    Reflect.deleteProperty(process.env, name)

try {
  await start()
} catch (error) {
  breakDown(error)
}

async function start(): Promise<never> {
  if (words.length === 1 && words[0] === '--version') {
    const { version } = await import('./base/version.ts')
    process.stdout.write(`${version}\n`)
    process.exit(0)
  }
  const [{ main }, { Fault }] = await Promise.all([import('./compose.ts'), import('./base/fault.ts')])
  const stop = stopOnSignals(
    name =>
      new Fault('INTERRUPTED', `stopped by ${name}`, {
        hint: 'Run the command again: what was under way has been cleaned up.',
      }),
  )
  // A reader that has seen enough (`holdfast list | head`) is no failure; a service that lost its log is to be started again.
  process.stdout.on('error', () => process.exit(stop.isService() ? 1 : 0))
  const status = await main(words, terminalOfProcess(stop), stop.signal)
  end(status === 0 ? 0 : (stop.status() ?? status))
}

/**
 * Node waits for its threads before it ends. One that waits for a disk that is gone would keep it for ever, though the work
 * is done (in another repository) or given up; then another program takes the process over, which ends all threads.
 */
function end(status: number): never {
  const isStuck = process.getActiveResourcesInfo().some(name => /^(FSReq|WORKER|MessagePort)/i.test(name))
  if (isStuck && process.execve) process.execve('/bin/sh', ['sh', '-c', `exit ${String(status)}`], {})
  process.exit(status)
}

function breakDown(error: unknown): never {
  const stack = error instanceof Error ? error.stack : String(error)
  process.stderr.write(
    `error: unexpected: ${stack ?? ''}\nhint: Please report this, with what \`holdfast --version\` says.\n`,
  )
  process.exit(statusOfBreakdown)
}

interface Stop {
  readonly signal: AbortSignal
  readonly status: () => number | undefined
  /** A long-running command takes SIGHUP for something else. */
  readonly onHangUp: (listener: () => void) => void
  readonly isService: () => boolean
}

/** The first signal asks the command to end and clean up; the second ends the process at once. */
function stopOnSignals(reasonOf: (name: string) => Error): Stop {
  const controller = new AbortController()
  let status: number | undefined
  let hangUp: (() => void) | undefined
  for (const [name, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.on(name, () => {
      if (name === 'SIGHUP' && hangUp) {
        hangUp()
        return
      }
      if (status !== undefined) process.exit(status)
      status = 128 + number
      controller.abort(reasonOf(name))
    })
  }
  return {
    signal: controller.signal,
    status: () => status,
    onHangUp(listener) {
      hangUp = listener
    },
    isService: () => hangUp !== undefined,
  }
}

function terminalOfProcess({ signal, onHangUp }: Stop): Terminal {
  return {
    out: streamOf(process.stdout),
    err: streamOf(process.stderr),
    ask: process.stdin.isTTY && process.stderr.isTTY ? question => ask(question, signal) : undefined,
    onHangUp,
    environment: process.env,
    workingDirectory: process.cwd(),
  }
}

function streamOf(stream: NodeJS.WriteStream): Stream {
  return {
    write: text => {
      stream.write(text)
    },
    writeBytes: bytes =>
      new Promise((resolve, reject) => {
        // The stream keeps the bytes until it calls back.
        stream.write(bytes, error => {
          if (error) reject(error)
          else resolve()
        })
      }),
    interactive: stream.isTTY,
    columns: () => stream.columns,
  }
}

async function ask(question: string, signal: AbortSignal): Promise<string> {
  const { askAt } = await import('./cli/ask.ts')
  return askAt(process.stdin, process.stderr, question, () => process.kill(process.pid, 'SIGINT'), signal)
}
