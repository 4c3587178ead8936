/** What is said over the agent's socket: one line of JSON each way. */
import * as z from 'zod/mini'

export const request = z.discriminatedUnion('do', [
  z.object({ do: z.literal('status') }),
  /** Starts a job at once; answered when it has started, or with `wait` when it has ended. */
  z.object({ do: z.literal('run'), job: z.string(), wait: z.boolean() }),
  /** Somebody knows of an alert: it is not repeated for so long. */
  z.object({
    do: z.literal('ack'),
    alert: z.string(),
    forMs: z.number().check(z.positive()),
    reason: z.optional(z.string().check(z.maxLength(500))),
  }),
  /** Other limits of the rates than the configuration's; null: none, absent: as it is. */
  z.object({
    do: z.literal('limit'),
    read: z.optional(z.nullable(z.number().check(z.positive()))),
    network: z.optional(z.nullable(z.number().check(z.positive()))),
    forMs: z.optional(z.number().check(z.positive())),
  }),
  z.object({ do: z.literal('reload') }),
  z.object({ do: z.literal('stop') }),
])
export type Request = z.infer<typeof request>

export const answer = z.union([
  z.object({ ok: z.literal(true), value: z.unknown() }),
  z.object({ ok: z.literal(false), message: z.string(), hint: z.string() }),
])
export type Answer = z.infer<typeof answer>
