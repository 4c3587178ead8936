/** Asks a person one question at the terminal. */
import { createInterface } from 'node:readline/promises'
import { usageFault } from './usage.ts'

export async function askAt(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  question: string,
  interrupt: () => void,
  signal: AbortSignal,
): Promise<string> {
  const reader = createInterface({ input, output })
  // In raw mode Ctrl-C is a character, and reaches us only here.
  reader.on('SIGINT', interrupt)
  try {
    return (await Promise.race([reader.question(question, { signal }), endOf(reader)])).trim()
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    reader.close()
  }
}

/** Ctrl-D: without this, the question would be waited for forever. */
function endOf(reader: { once(event: 'close', listener: () => void): unknown }): Promise<never> {
  return new Promise((_, reject) => {
    reader.once('close', () => {
      reject(
        usageFault(
          'no answer was given',
          'Run it again and answer, or give what is asked for as options (see --help).',
        ),
      )
    })
  })
}
