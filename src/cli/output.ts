/** What a command tells: results on standard output, as text or JSON; everything else on standard error. */
import { isFault, messageOf, type Fault } from '../base/fault.ts'
import { jsonOf } from './json.ts'
import type { Stream } from './terminal.ts'

export interface OutputRule {
  readonly json: boolean
  readonly verbose: boolean
  readonly quiet: boolean
}

export interface Output {
  readonly rule: OutputRule
  /** The result: `value` as JSON with --json, else the text. */
  result(value: unknown, text: () => string): void
  /** Something to know along the way. Not with --quiet. */
  note(line: string): void
  /** A warning: shown even with --quiet. */
  warn(line: string): void
  /** Only with --verbose. */
  detail(line: string): void
  failure(error: unknown): void
}

/** `clear` ends what progress shows before something is written. */
export function createOutput(out: Stream, err: Stream, rule: OutputRule, clear: () => void): Output {
  const line = (text: string): void => {
    clear()
    err.write(`${text}\n`)
  }
  return {
    rule,
    result(value, text) {
      clear()
      out.write(withNewline(rule.json ? jsonOf(value) : text()))
    },
    note(text) {
      if (!rule.quiet && (!rule.json || rule.verbose)) line(text)
    },
    warn(text) {
      line(`warning: ${text}`)
    },
    detail(text) {
      if (rule.verbose) line(text)
    },
    failure(error) {
      line(rule.json ? jsonOf({ error: errorRecord(error) }, 'compact') : errorText(error, rule.verbose))
    },
  }
}

/** For programs: the code and exit status are stable, the words are not. */
function errorRecord(error: unknown): Readonly<Record<string, unknown>> {
  if (!isFault(error))
    return {
      code: 'FAILED',
      exit: 1,
      message: messageOf(error),
      stack: error instanceof Error ? error.stack : undefined,
    }
  return { code: error.code, exit: error.exit, retry: error.retry, message: error.message, hint: error.hint }
}

function errorText(error: unknown, verbose: boolean): string {
  if (!isFault(error)) return unexpectedText(error)
  const causes = verbose ? causesOf(error).map(cause => `cause: ${messageOf(cause)}`) : []
  return [`error: ${error.message}`, `hint: ${error.hint}`, ...causes].join('\n')
}

function unexpectedText(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return `error: unexpected: ${stack}\nhint: This is a mistake in Holdfast, not in your set-up. Please report it, with the lines above and what \`holdfast --version\` says.`
}

function causesOf(error: Fault): readonly unknown[] {
  const causes: unknown[] = []
  for (let cause: unknown = error.cause; cause !== undefined && causes.length < 10;) {
    causes.push(cause)
    cause = cause instanceof Error ? cause.cause : undefined
  }
  return causes
}

const withNewline = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`)
