/**
 * The file by which an agent tells the processes that it started how fast they may go: it is replaced as a whole, and they
 * look at it while they run.
 */
import { readFile } from 'node:fs/promises'
import * as z from 'zod/mini'

/** Its path, in the environment of what the agent starts. */
export const limitsFileVariable = 'HOLDFAST_LIMITS'
export const limitsFileName = 'limits.json'

const bytesPerSecond = z.number().check(z.positive())
const change = z.object({ bytesPerSecond: z.nullable(bytesPerSecond), untilMs: z.optional(z.number()) })

export const limitsFile = z.object({
  format: z.literal(1),
  stated: z.object({ read: z.optional(bytesPerSecond), network: z.optional(bytesPerSecond) }),
  changes: z.object({ read: z.optional(change), network: z.optional(change) }),
  /** Of what holds else, while the database suffers. */
  share: z.optional(z.number().check(z.positive(), z.lte(1))),
})
export type LimitsFile = z.infer<typeof limitsFile>

/** Undefined when it is not there, or can not be understood: then what is known already goes on. */
export async function readLimitsFile(path: string): Promise<LimitsFile | undefined> {
  try {
    return limitsFile.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return undefined
  }
}
