/** A command of this program that is run for its answer: a process of its own, so that the agent stays small whatever it loads. */
import { execFile } from 'node:child_process'
import { limits } from '../base/limits.ts'
import { messageIn } from './outcome.ts'

export interface Answered {
  /** What it printed, when that was JSON. */
  readonly value: unknown
  /** Why it failed, when it did. */
  readonly error: string | undefined
}

export function askSelf(
  [program = '', ...words]: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Answered> {
  return new Promise(resolve => {
    const options = {
      env: environment,
      signal,
      timeout: limits.agentAskMsMax,
      // It only looks: there is nothing to clean up.
      killSignal: 'SIGKILL',
      maxBuffer: limits.programOutputBytesMax,
    } as const
    execFile(program, words, options, (error, out, err) => {
      resolve({ value: parsed(out), error: error ? (messageIn(err) ?? error.message) : undefined })
    })
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
