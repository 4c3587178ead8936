/** The table of prices: Holdfast's own, or the file that the configuration names. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Fault, messageOf } from '../base/fault.ts'
import { builtInPrices, parsePrices, type PriceTable } from '../policy/cost/prices.ts'

export async function pricesFor(file: string | undefined, configPath: string): Promise<PriceTable> {
  if (file === undefined) return builtInPrices
  const path = resolve(dirname(configPath), file)
  try {
    return parsePrices(await readFile(path, 'utf8'), path)
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('CONFIG_INVALID', `prices: ${messageOf(error)}`, {
      hint: 'Check the path, and that the user who runs this command may read the file.',
      cause: error,
    })
  }
}
