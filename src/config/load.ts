/** From the text of a configuration file to a Config, or to one fault that lists every mistake with its place. */
import { readFile } from 'node:fs/promises'
import { LineCounter, parseDocument, type Document } from 'yaml'
import { Fault, errnoOf, messageOf } from '../base/fault.ts'
import type { LoadedConfig, Config } from './config.ts'
import { problemsOf } from './problems.ts'
import { configSchema } from './schema.ts'

export async function loadConfig(path: string): Promise<LoadedConfig> {
  return { config: parseConfig(await read(path), path), path }
}

/** `source` is the file's name, for messages. */
export function parseConfig(text: string, source: string): Config {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const syntax = document.errors.map(error => ({ offset: error.pos[0], message: error.message }))
  if (syntax.length > 0) throw invalid(source, lines, syntax)
  const checked = configSchema.safeParse(plainValueOf(document))
  if (checked.success) return deepFreeze(checked.data)
  throw invalid(source, lines, problemsOf(checked.error.issues, configSchema, document))
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      throw new Fault('CONFIG_MISSING', `there is no configuration file ${path}`, {
        hint: 'Make one with `holdfast init`, or name another with --config FILE or $HOLDFAST_CONFIG.',
        cause: error,
      })
    }
    const hint = `Let the user who runs this command read ${path}.`
    throw new Fault('CONFIG_INVALID', `${path} can not be read: ${messageOf(error)}`, { hint, cause: error })
  }
}

/** An empty file is an empty mapping: the mistakes are then the keys that are missing. */
function plainValueOf(document: Document.Parsed): unknown {
  return document.toJS() ?? {}
}

function invalid(
  source: string,
  lines: LineCounter,
  problems: readonly { offset: number; message: string }[],
): Fault {
  const told = problems.map(({ offset, message }) => {
    const { line, col } = lines.linePos(offset)
    return `${source}:${String(Math.max(line, 1))}:${String(Math.max(col, 1))}: ${message}`
  })
  const message =
    told.length === 1
      ? told.join('')
      : `the configuration has ${String(told.length)} mistakes\n  ${told.join('\n  ')}`
  const hint = 'Correct the file; docs/reference/configuration.md lists every key with an example.'
  return new Fault('CONFIG_INVALID', message, { hint })
}

/** Secrets stay as they are: they are objects of ours and can not be changed anyway. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}
