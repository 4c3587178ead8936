/** Lines of a file of entries, byte by byte: nothing that differs from what was written passes for it. */
import { createReadStream } from 'node:fs'

/** Without their ends. What stands after the last end of a line is a line, too: `isEnded` tells. */
export async function* linesOf(
  path: string,
): AsyncIterable<{ readonly line: string; readonly isEnded: boolean }> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    let from = 0
    for (let at; (at = piece.indexOf(lineEnd, from)) >= 0; from = at + 1) {
      yield { line: textOf(Buffer.concat([rest, piece.subarray(from, at)])), isEnded: true }
      rest = Buffer.alloc(0)
    }
    rest = Buffer.concat([rest, piece.subarray(from)])
  }
  if (rest.length > 0) yield { line: textOf(rest), isEnded: false }
}

/** What is no UTF-8 is no entry either. */
export function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return Buffer.from(bytes).toString('latin1')
  }
}

export const lineEnd = 0x0a
