/**
 * How the demo talks: plain text that reads the same in a file. A terminal gets colour, and a line that moves while
 * something takes long.
 */
import { styleText } from 'node:util'
import { formatDuration } from '../../src/base/units.ts'

export interface Tell {
  title(text: string): void
  /** Begins the next step. */
  step(title: string): void
  /** A paragraph; wrapped. */
  say(text: string): void
  /** What a person would type. */
  command(text: string): void
  /** What a program printed, or the part of it that matters. */
  quote(text: string): void
  /** A claim and whether it holds; it is kept for the end. */
  check(claim: string, holds: boolean): void
  /** The end: figures and the verdict. */
  summary(figures: string, verdict: string): void
  /** Shows on a terminal that something goes on. */
  during<T>(what: string, work: Promise<T>): Promise<T>
  /** The claims so far. */
  readonly claims: readonly Claim[]
}

export interface Claim {
  readonly text: string
  readonly holds: boolean
}

type Style = Parameters<typeof styleText>[0]

const widthMax = 80
const margin = '      '

export function createTell(out: NodeJS.WriteStream, steps: number): Tell {
  const startedAt = performance.now()
  const claims: Claim[] = []
  let stepCount = 0
  const width = Math.min(widthMax, out.isTTY ? out.columns : widthMax)
  // styleText leaves colour out by itself when the stream is no terminal, or NO_COLOR says so.
  const styled = (style: Style, text: string): string => styleText(style, text, { stream: out })
  const line = (text = ''): void => void out.write(`${text}\n`)

  return {
    claims,
    title(text) {
      line(styled('bold', text))
      line('='.repeat(text.length))
    },
    step(title) {
      stepCount++
      const since = `at ${formatDuration(performance.now() - startedAt)}`
      const head = `[${String(stepCount)}/${String(steps)}] ${title}`
      line()
      line(`${styled('bold', head)}${since.padStart(Math.max(2, width - head.length))}`)
    },
    say(text) {
      for (const words of wrapped(text, width - margin.length)) line(`${margin}${words}`)
    },
    command(text) {
      line()
      const [first = '', ...rest] = commandLines(text, width - margin.length)
      line(`${margin}${styled(['bold', 'cyan'], `$ ${first}`)}`)
      for (const more of rest) line(`${margin}    ${styled(['bold', 'cyan'], more)}`)
    },
    quote(text) {
      const columns = out.isTTY ? Math.max(40, out.columns - margin.length - 3) : Infinity
      const rows = text.trimEnd().split('\n')
      for (const row of rows.flatMap(long => folded(long, columns)))
        line(`${margin}${styled('gray', '|')} ${row}`.trimEnd())
    },
    check(text, holds) {
      claims.push({ text, holds })
      const [mark, ...rest] = wrapped(text, width - margin.length - 8)
      line(
        `${margin}${holds ? styled('green', 'checked ') : styled(['bold', 'red'], 'FAILED  ')}${mark ?? ''}`,
      )
      for (const words of rest) line(`${margin}        ${words}`)
    },
    summary(figures, verdict) {
      line()
      line(styled('bold', 'What was measured'))
      for (const row of figures.trimEnd().split('\n')) line(`${margin}${row}`)
      line()
      line(styled(['bold', claims.every(({ holds }) => holds) ? 'green' : 'red'], verdict))
    },
    during: (what, work) => (out.isTTY ? tick(out, what, work) : work),
  }
}

async function tick<T>(out: NodeJS.WriteStream, what: string, work: Promise<T>): Promise<T> {
  const startedAt = performance.now()
  const show = (): void =>
    void out.write(`\r${margin}… ${what}, ${formatDuration(performance.now() - startedAt)}\x1b[K`)
  const timer = setInterval(show, 200)
  try {
    return await work
  } finally {
    clearInterval(timer)
    out.write('\r\x1b[K')
  }
}

/** A long command goes on after a backslash, as one would write it; it can still be pasted. */
function commandLines(text: string, columns: number): readonly string[] {
  if (text.length <= columns) return [text]
  const parts = text.split(/ (?=--)/)
  return parts.map((part, i) => (i === parts.length - 1 ? part : `${part} \\`))
}

/** The terminal would break a long line without the margin. */
function folded(row: string, columns: number): readonly string[] {
  if (row.length <= columns) return [row]
  const space = row.lastIndexOf(' ', columns)
  const at = space > columns / 2 ? space : columns
  return [row.slice(0, at), ...folded(`    ${row.slice(at).trimStart()}`, columns)]
}

function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < columns) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
