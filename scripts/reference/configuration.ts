/** docs/reference/configuration.md and the JSON Schema for editors, from the schema that checks the file. */
import * as z from 'zod/mini'
import { systemConfigPath } from '../../src/config/find.ts'
import { configSchema } from '../../src/config/schema.ts'
import { fenced, generatedNote, page, table } from './markdown.ts'

type Json = z.core.JSONSchema.BaseSchema

export function configurationSchema(): Json {
  return z.toJSONSchema(configSchema, {
    io: 'input',
    // Examples are of what people write, so they hold for the input even where it is transformed.
    override({ zodSchema, jsonSchema }) {
      const examples = z.globalRegistry.get(zodSchema)?.['examples']
      if (Array.isArray(examples)) jsonSchema.examples = examples
    },
  })
}

export function configurationPage(): string {
  const schema = configurationSchema()
  const sections = Object.entries(schema.properties ?? {}).filter(([, value]) => isSection(value))
  return page(
    '# Configuration',
    generatedNote,
    `One YAML file. It is looked for at \`--config FILE\`, \`$HOLDFAST_CONFIG\`, \`./holdfast.yaml\` and \`${systemConfigPath}\`, in this order. ` +
      'Unknown keys are errors. `holdfast init` writes one with comments.',
    fenced('yaml', example),
    'Editors that know the YAML language server check and complete the file when its first line is ' +
      '`# yaml-language-server: $schema=<path>/docs/reference/holdfast.schema.json`.',
    '## Secrets',
    'A secret is text in which `${NAME}` is replaced from the environment, or `{ file: path }` (relative to the configuration file), or ' +
      '`{ command: … }`, which is given to the shell and prints it. It is read only when it is needed, and never shown.',
    '## Durations',
    'A number and a unit: `ms`, `s`, `m`, `h`, `d`, `w`; several may follow one another: `1h30m`.',
    '## Rates',
    'A size and `/s`: `200MiB/s`, `1.5GB/s`. The least is `1MiB/s`.',
    '## Top level',
    keysTable(schema),
    ...sections.flatMap(([key, value]) => [`## ${key}`, describe(value), keysTable(value, key)]),
  )
}

const example = `
cluster: gathr
postgres:
  connection: postgresql://postgres@/postgres?host=/run/postgresql
repositories:
  main:
    url: file:///srv/backups
    encryption:
      recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
      identity: { file: /etc/holdfast/identity.txt } # only where restores run
compression: { level: 3 }
workers: auto`.trim()

/** A table of the keys at and below `schema`; what is a mapping itself is spelled out with its path. */
function keysTable(schema: unknown, prefix = ''): string {
  return table(['Key', 'Value', 'Default', ''], rowsOf(schema, prefix))
}

function rowsOf(schema: unknown, prefix: string): readonly (readonly string[])[] {
  const { properties, required = [], additionalProperties } = asJson(schema)
  if (typeof additionalProperties === 'object')
    return variantsOf(additionalProperties).flatMap(value => rowsOf(value, `${prefix}.<name>`))
  return Object.entries(properties ?? {}).flatMap(([key, value]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`
    const row = [
      `\`${path}\``,
      kindOf(value),
      defaultOf(value, required.includes(key)),
      describe(value) + exampleOf(value),
    ]
    const inner =
      prefix === ''
        ? []
        : variantsOf(value)
            .filter(isSection)
            .flatMap(section => rowsOf(section, path))
    return [row, ...inner]
  })
}

function kindOf(schema: unknown): string {
  const { title, type, enum: choices, const: constant, minimum, maximum, anyOf, items } = asJson(schema)
  if (title !== undefined) return title.replace(/^an? /, '')
  if (anyOf) return anyOf.map(kindOf).join(', or ')
  if (constant !== undefined) return `\`${String(constant)}\``
  if (choices) return choices.map(choice => `\`${String(choice)}\``).join(' or ')
  if (type === 'integer') return `${String(minimum)} to ${String(maximum)}`
  if (type === 'array') return `list: ${kindOf(items)}`
  return type === 'object' ? 'mapping' : String(type)
}

function defaultOf(schema: unknown, required: boolean): string {
  const { default: fallback } = asJson(schema)
  if (required) return '*required*'
  return fallback === undefined || typeof fallback === 'object'
    ? ''
    : `\`${JSON.stringify(fallback).replaceAll('"', '')}\``
}

function exampleOf(schema: unknown): string {
  const [first] = asJson(schema).examples ?? []
  if (first === undefined) return ''
  return ` For example \`${typeof first === 'string' ? first : JSON.stringify(first).replaceAll('"', '').replaceAll(':', ': ')}\`.`
}

const describe = (schema: unknown): string => asJson(schema).description ?? ''

/** The forms that a value may have. */
function variantsOf(schema: unknown): readonly unknown[] {
  return asJson(schema).title === undefined ? (asJson(schema).anyOf ?? [schema]) : []
}

function isSection(schema: unknown): boolean {
  const { properties, additionalProperties } = asJson(schema)
  return properties !== undefined || typeof additionalProperties === 'object'
}

function asJson(schema: unknown): Json {
  return typeof schema === 'object' && schema !== null ? (schema as Json) : {}
}
