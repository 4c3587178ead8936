/** What is promised: how much may be lost. `status` measures it. */
import * as z from 'zod/mini'
import { described, duration, section } from './values.ts'

export const objectives = section({
  rpo: described(
    z.optional(duration()),
    'How much may be lost (recovery point objective). Held against the age of what is durable in the repositories.',
    ['1h'],
  ),
})
