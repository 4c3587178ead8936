/** Finds its way through the schema, to say which keys are known where. */
import type * as z from 'zod/mini'

type Schema = z.core.$ZodType

/** The keys that the mapping at `path` may have; none when it is not a mapping, or one with names of your choice. */
export function keysAt(schema: Schema, path: readonly PropertyKey[]): readonly string[] {
  const found = path.reduce<readonly Schema[]>(
    (schemas, part) => schemas.flatMap(inner => step(inner, part)),
    [schema],
  )
  return found.flatMap(objectsIn).flatMap(shape => Object.keys(shape))
}

function step(schema: Schema, part: PropertyKey): readonly Schema[] {
  const records = bare(schema).flatMap(inner => (isKind(inner, 'record') ? [inner._zod.def.valueType] : []))
  const fields = objectsIn(schema).flatMap(shape => shape[String(part)] ?? [])
  return [...records, ...fields]
}

function objectsIn(schema: Schema): readonly z.core.$ZodShape[] {
  return bare(schema).flatMap(inner => (isKind(inner, 'object') ? [inner._zod.def.shape] : []))
}

/** What is left without defaults, transformations and choices. */
function bare(schema: Schema): readonly Schema[] {
  if (isKind(schema, 'pipe')) return bare(schema._zod.def.in)
  if (isKind(schema, 'optional') || isKind(schema, 'default') || isKind(schema, 'prefault'))
    return bare(schema._zod.def.innerType)
  if (isKind(schema, 'union')) return schema._zod.def.options.flatMap(bare)
  return [schema]
}

interface Kinds {
  readonly object: z.core.$ZodObject
  readonly record: z.core.$ZodRecord
  readonly pipe: z.core.$ZodPipe
  readonly optional: z.core.$ZodOptional
  readonly default: z.core.$ZodDefault
  readonly prefault: z.core.$ZodPrefault
  readonly union: z.core.$ZodUnion
}

function isKind<Kind extends keyof Kinds>(schema: Schema, kind: Kind): schema is Kinds[Kind] {
  return schema._zod.def.type === kind
}
