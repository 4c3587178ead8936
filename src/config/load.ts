/** From the text of a configuration file to a Config, or to one fault that lists every mistake with its place. */
import { readFile } from 'node:fs/promises'
import { LineCounter, parseDocument, type Document } from 'yaml'
import { Fault, errnoOf, messageOf } from '../base/fault.ts'
import type { LoadedConfig, Config } from './config.ts'
import { offsetOf, problemsOf } from './problems.ts'
import { configSchema } from './schema.ts'

export async function loadConfig(path: string): Promise<LoadedConfig> {
  const text = await read(path)
  return { config: parseConfig(text, path), path, placeOf: keys => placeIn(text, path, keys) }
}

function placeIn(text: string, source: string, keys: readonly string[]): string {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  return `${source}:${linePosition(lines, offsetOf(document, [...keys]))}`
}

function linePosition(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset)
  return `${String(Math.max(line, 1))}:${String(Math.max(col, 1))}`
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
  const told = problems.map(({ offset, message }) => `${source}:${linePosition(lines, offset)}: ${message}`)
  const message = mistakesText(told)
  const hint = 'Correct the file; docs/reference/configuration.md lists every key with an example.'
  return new Fault('CONFIG_INVALID', message, { hint })
}

export function mistakesText(told: readonly string[]): string {
  return told.length === 1
    ? told.join('')
    : `the configuration has ${String(told.length)} mistakes\n  ${told.join('\n  ')}`
}

/** Secrets stay as they are: they are objects of ours and can not be changed anyway. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}
