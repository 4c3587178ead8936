/** A command of the user's own, for services that this program does not know: it gets on its standard input what a webhook gets. */
import { spawn } from 'node:child_process'
import { inTime } from '../base/in-time.ts'
import { alertLimits } from '../base/alert-limits.ts'
import { webhookBody } from './webhook.ts'
import { refused, unavailable, type Sink, type SinkDeps } from './sink.ts'

export interface CommandOptions {
  readonly run: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

export function commandSink(name: string, options: CommandOptions, { clock }: Pick<SinkDeps, 'clock'>): Sink {
  return {
    name,
    kind: 'command',
    togetherMax: alertLimits.sinkTogetherMax,
    async send(notices, signal) {
      const stop = new AbortController()
      const ran = runShell(
        options,
        JSON.stringify(webhookBody(notices)),
        AbortSignal.any([signal, stop.signal]),
      )
      const { exit, said } = await inTime(ran, clock, alertLimits.sinkMsMax, () =>
        unavailable(
          `command "${name}" took longer than ${String(alertLimits.sinkMsMax / 1000)} s`,
          'Have it hand the work on to something that goes on without it.',
        ),
      ).finally(() => stop.abort())
      if (exit === 0) return undefined
      const line = said.trim().split('\n').at(-1)?.slice(0, alertLimits.sinkSaidCharsMax) ?? ''
      throw refused(
        `command "${name}" ended with status ${exit === undefined ? 'unknown' : String(exit)}${line === '' ? '' : `: ${line}`}`,
        'Run it by hand as the same user, with what `holdfast alerts test` gives it on its standard input.',
      )
    },
  }
}

function runShell(
  { run, environment }: CommandOptions,
  input: string,
  signal: AbortSignal,
): Promise<{ readonly exit: number | undefined; readonly said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', run], {
      env: environment,
      stdio: ['pipe', 'ignore', 'pipe'],
      detached: true,
    })
    // The shell, and all that it started.
    const end = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }
    let said = ''
    signal.addEventListener('abort', end, { once: true })
    child.stderr.on('data', (piece: Buffer) => {
      said = (said + piece.toString()).slice(-alertLimits.sinkAnswerBytesMax)
    })
    child.once('error', error => {
      signal.removeEventListener('abort', end)
      reject(unavailable('the shell can not be started', 'See the cause: the host may lack memory.', error))
    })
    child.once('exit', code => {
      signal.removeEventListener('abort', end)
      resolve({ exit: code ?? undefined, said })
    })
    // A command need not read what it is told.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}
