/**
 * The process: argv in, exit status out. The only file that knows `process`: streams, environment, signals, exit.
 */
import { Fault } from './base/fault.ts'
import { version } from './base/version.ts'
import type { Stream, Terminal } from './cli/terminal.ts'

const words = process.argv.slice(2)
if (words.length === 1 && words[0] === '--version') process.stdout.write(`${version}\n`)
else await start()

async function start(): Promise<void> {
  const stop = stopOnSignals()
  // A reader that has seen enough (`holdfast list | head`) is no failure.
  process.stdout.on('error', () => process.exit(0))
  const { main } = await import('./compose.ts')
  const status = await main(words, terminalOfProcess(), stop.signal)
  process.exit(status === 0 ? 0 : (stop.status() ?? status))
}

/** The first signal asks the command to end and clean up; the second ends the process at once. */
function stopOnSignals(): { readonly signal: AbortSignal; readonly status: () => number | undefined } {
  const controller = new AbortController()
  let status: number | undefined
  for (const [name, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.on(name, () => {
      if (status !== undefined) process.exit(status)
      status = 128 + number
      controller.abort(
        new Fault('INTERRUPTED', `stopped by ${name}`, {
          hint: 'Run the command again; nothing was left half-done.',
        }),
      )
    })
  }
  return { signal: controller.signal, status: () => status }
}

function terminalOfProcess(): Terminal {
  return {
    out: streamOf(process.stdout),
    err: streamOf(process.stderr),
    ask: process.stdin.isTTY && process.stderr.isTTY ? ask : undefined,
    environment: process.env,
    workingDirectory: process.cwd(),
  }
}

function streamOf(stream: NodeJS.WriteStream): Stream {
  return {
    write: text => {
      stream.write(text)
    },
    interactive: stream.isTTY,
    columns: () => stream.columns,
  }
}

async function ask(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises')
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await reader.question(question)
  } finally {
    reader.close()
  }
}
