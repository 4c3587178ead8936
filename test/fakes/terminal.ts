/** For tests: a terminal that keeps what is written, and a run of the command line against a context of the test. */
import type { Stream, Terminal } from '../../src/cli/terminal.ts'

export interface KeptStream extends Stream {
  readonly text: () => string
}

export function keptStream({ interactive = false, columns = 80 } = {}): KeptStream {
  let kept = ''
  return {
    interactive,
    columns: () => columns,
    write: text => {
      kept += text
    },
    writeBytes: bytes => {
      kept += Buffer.from(bytes).toString('latin1')
      return Promise.resolve()
    },
    text: () => kept,
  }
}

export interface KeptTerminal extends Terminal {
  readonly out: KeptStream
  readonly err: KeptStream
}

/** `answers` are given, one after the other, to what is asked. */
export function keptTerminal({ answers }: { readonly answers?: readonly string[] } = {}): KeptTerminal {
  const err = keptStream()
  const left = [...(answers ?? [])]
  return {
    out: keptStream(),
    err,
    ask:
      answers &&
      (question => {
        const answer = left.shift()
        err.write(`${question}${answer ?? ''}\n`)
        return answer === undefined
          ? Promise.reject(new Error(`nobody answers: ${question}`))
          : Promise.resolve(answer)
      }),
    onHangUp: () => undefined,
    environment: {},
    workingDirectory: '/',
  }
}
