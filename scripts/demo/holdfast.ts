/** The real program, shown as a person would type it. */
import { runProgram, type Ended } from './programs.ts'
import type { Stage } from './stage.ts'
import type { Tell } from './tell.ts'

export interface HoldfastCall {
  /** Said on a terminal while it runs. */
  readonly doing: string
  /** The part of the output that matters; all of it unless told. */
  readonly show?: (out: string) => string
}

export type RunHoldfast = (args: readonly string[], call: HoldfastCall) => Promise<Ended>

/** Runs Holdfast in the demo's folder, where it finds holdfast.yaml by itself. A failure is shown, and ends the demo. */
export function holdfastOn(stage: Stage, tell: Tell, signal: AbortSignal): RunHoldfast {
  return async (args, { doing, show = out => out }) => {
    const typed = `holdfast ${args.map(quoted).join(' ')}`
    tell.command(typed)
    const ended = await tell.during(doing, runProgram(stage, stage.holdfast, args, signal))
    if (ended.status !== 0) {
      tell.quote(`${ended.out}${ended.err}`)
      throw new Error(`${typed}: exit status ${String(ended.status)}`)
    }
    tell.quote(show(ended.out))
    return ended
  }
}

/** Not shown: only a figure of it is wanted. */
export async function askHoldfast<T>(stage: Stage, args: readonly string[], signal: AbortSignal): Promise<T> {
  const { status, out, err } = await runProgram(stage, stage.holdfast, [...args, '--json'], signal)
  if (status !== 0) throw new Error(`holdfast ${args.join(' ')}: exit status ${String(status)}\n${err}`)
  return JSON.parse(out) as T
}

export const linesWith =
  (...beginnings: readonly string[]) =>
  (out: string): string =>
    out
      .split('\n')
      .filter(line => beginnings.some(beginning => line.trimStart().startsWith(beginning)))
      .join('\n')

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `"${word}"`
}
