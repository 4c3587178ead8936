/** What the demo can be told. */
import { parseArgs } from 'node:util'

export interface Wish {
  /** Leave the servers running and the files where they are. */
  readonly keep: boolean
  /** Rows of the table that is dropped. */
  readonly orders: number
}

export const usage = `npm run demo [-- OPTIONS]

  --keep         leave servers and files, and say how to look around and how to remove them
  --orders N     rows of the table that is dropped (1000000, about 350 MiB)
  --help         this page
`

const ordersUsual = 1_000_000
/** Fewer make no story: the writer pays for the first thousand. */
const ordersMin = 1000

/** Undefined when help is asked for. Throws with a message for people when something is not understood. */
export function parseWish(args: readonly string[]): Wish | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: { keep: { type: 'boolean' }, orders: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help) return undefined
  const orders = values.orders === undefined ? ordersUsual : Number(values.orders)
  if (!Number.isInteger(orders) || orders < ordersMin)
    throw new Error(`--orders takes a whole number of at least ${String(ordersMin)}`)
  return { keep: values.keep ?? false, orders }
}
