/** What is promised: how much may be lost, and how long the return may take. `status` measures both against it. */
import * as z from 'zod/mini'
import { described, duration, section } from './values.ts'

export const objectives = section({
  rpo: described(
    z.optional(duration()),
    'How much may be lost (recovery point objective). Held against the age of what is durable in the repositories.',
    ['1h'],
  ),
  rto: described(
    z.optional(duration()),
    "How long the return may take (recovery time objective). Held against what drills took, scaled to today's size.",
    ['4h'],
  ),
})
