/** The kinds of values that the configuration file is made of, as people write them and as the program takes them. */
import * as z from 'zod/mini'
import { limits } from '../base/limits.ts'
import { nearest } from '../base/nearest.ts'
import { Secret } from '../base/secret.ts'
import { formatRate, parseDuration, parseRate, parseSpan, type KeepSpan } from '../base/units.ts'
import { isTimeZone } from '../schedule/time-zone.ts'
import type { SecretSource } from './secret-source.ts'

type CamelCase<Text extends string> = Text extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Text
type CamelKeys<T> = { readonly [Key in keyof T as Key extends string ? CamelCase<Key> : Key]: T[Key] }

/** A mapping with these keys and no others. In the file keys are `snake_case`, in the program `camelCase`. */
export function section<Shape extends z.core.$ZodShape>(shape: Shape) {
  return z.pipe(z.strictObject(shape), z.transform(camelKeys<z.infer<z.ZodMiniObject<Shape>>>))
}

/** What a value is for, in a sentence or two (Markdown), and how it may look. */
export function described<Schema extends z.ZodMiniType>(
  schema: Schema,
  description: string,
  examples?: readonly unknown[],
): Schema {
  return schema.check(z.meta(examples ? { description, examples } : { description }))
}

/** `more`: how it is written, said to who wrote it otherwise. */
export function text(what: string, pattern: RegExp, more = '') {
  const isOne = z.regex(pattern, { error: `is not ${what}${more}` })
  return z.string().check(isOne, noVariables, z.meta({ title: what }))
}

/** Where something answers over HTTP. An address of IPv6 is no URL without its brackets. */
export function webUrl() {
  const how = ': http:// or https://, then a host, or an address (IPv6 in brackets: https://[::1]:9000)'
  return text('a URL', /^https?:\/\/.+/, how).check(
    z.refine(given => !/^https?:\/\/./.test(given) || URL.canParse(given), { error: `is not a URL${how}` }),
  )
}

/** A name that becomes part of object keys and file names. */
export function name() {
  return text('a name (small letters, digits, - and _)', /^[a-z0-9][a-z0-9_-]{0,62}$/)
}

/** Text that is read further. Who writes a number there hears what is wanted. */
const textLike = (what: string) => z.string({ error: `is not ${what}` })

/** As the system knows them. */
export function timeZone() {
  return z.string().check(check => {
    if (isTimeZone(check.value)) return
    const near = nearest(check.value, Intl.supportedValuesOf('timeZone'))
    const advice = near === undefined ? 'such as Europe/Berlin or UTC' : `; did you mean "${near}"?`
    const message = `is not a time zone${near === undefined ? ' ' : ''}${advice}`
    check.issues.push({ code: 'custom', message, input: check.value })
  })
}

export function path() {
  return text('an absolute path', /^\//)
}

export function words<const Words extends readonly [string, ...string[]]>(choices: Words) {
  return z.enum(choices)
}

export function integer(min: number, max: number) {
  return z.int().check(z.gte(min), z.lte(max))
}

const aDuration = 'a duration such as 90s, 1h30m or 7d'

/** `90s`, `1h30m`, `7d`: milliseconds in the program. */
export function duration() {
  return z.pipe(
    textLike(aDuration).check(
      z.meta({ title: 'a duration', pattern: '^(\\d+(\\.\\d+)?\\s*(ms|s|m|h|d|w)\\s*)+$' }),
    ),
    z.transform(toMilliseconds),
  )
}

const aRate = `a rate such as 50MiB/s, of at least ${formatRate(limits.rateBytesMin)}`

/** `200MiB/s`: bytes a second in the program. */
export function rate() {
  return z.pipe(
    textLike(aRate).check(z.meta({ title: 'a rate', pattern: '^\\d+(\\.\\d+)?\\s*[A-Za-z]+/s$' })),
    z.transform((given: string, context: z.core.ParsePayload): number => {
      const bytesPerSecond = parseRate(given)
      if (bytesPerSecond !== undefined && bytesPerSecond >= limits.rateBytesMin) return bytesPerSecond
      context.issues.push({ code: 'custom', message: `is not ${aRate}`, input: given })
      return z.NEVER
    }),
  )
}

/** `1y`, `18mo`, `400d`, `forever`: as people count it, so that a year is a year. */
export function span() {
  return z.pipe(
    z.string().check(z.meta({ title: 'a time to keep', pattern: '^(\\d+(d|w|mo|y)|forever)$' })),
    z.transform((given: string, context: z.core.ParsePayload): KeepSpan => {
      const parsed = parseSpan(given)
      if (parsed !== undefined) return parsed
      context.issues.push({
        code: 'custom',
        message: 'is not a time to keep such as 400d, 18mo, 1y or forever',
        input: given,
      })
      return z.NEVER
    }),
  )
}

/** `20%`: 0.2 in the program. */
export function share() {
  return z.pipe(
    z.string().check(z.meta({ title: 'a share', pattern: '^\\d+(\\.\\d+)?\\s*%$' })),
    z.transform((given: string, context: z.core.ParsePayload): number => {
      const percent = Number(/^(\d+(?:\.\d+)?)\s*%$/.exec(given.trim())?.[1] ?? Number.NaN)
      if (percent >= 0 && percent <= 100) return percent / 100
      context.issues.push({ code: 'custom', message: 'is not a share such as 20%', input: given })
      return z.NEVER
    }),
  )
}

/** Text that may hold `${NAME}` of the environment, or `{ file: … }`, or `{ command: … }`. Read when it is needed. */
export function secret() {
  return z
    .union([
      z.pipe(
        z.string().check(z.minLength(1)),
        z.transform((given): SecretSource => ({ kind: 'text', text: new Secret(given) })),
      ),
      z.pipe(
        z.strictObject({
          file: described(z.string(), 'A file that holds it; relative to the configuration file.'),
        }),
        z.transform(({ file }): SecretSource => ({ kind: 'file', file })),
      ),
      z.pipe(
        z.strictObject({ command: described(z.string(), 'A shell command that prints it.') }),
        z.transform(({ command }): SecretSource => ({ kind: 'command', command })),
      ),
    ])
    .check(z.meta({ title: 'a secret' }))
}

/** Somebody who writes `${BUCKET}` outside of a secret should hear of it here, not from a bucket of that name. */
const noVariables = z.refine<string>(given => !given.includes('${'), {
  error: 'has ${…}, which is replaced in secrets only (connection, identity)',
})

function toMilliseconds(given: string, context: z.core.ParsePayload): number {
  const durationMs = parseDuration(given)
  if (durationMs !== undefined) return durationMs
  context.issues.push({ code: 'custom', message: `is not ${aDuration}`, input: given })
  return z.NEVER
}

function camelKeys<T extends object>(given: T): CamelKeys<T> {
  const entries = Object.entries(given).map(([key, value]: [string, unknown]) => [
    key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ])
  return Object.fromEntries(entries) as CamelKeys<T>
}
