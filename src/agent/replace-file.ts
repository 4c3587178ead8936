/** Small files that are replaced as a whole, so that a kill at any moment leaves the old one or the new one. */
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, messageOf } from '../base/fault.ts'
import type { Log } from '../base/log.ts'

export async function replaceFile(folder: string, name: string, text: string): Promise<void> {
  const path = join(folder, name)
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  const directory = await open(folder, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Undefined when there is none. One that can not be understood is put aside: it must not keep the agent from its work. */
export async function readReplaced<T>(
  folder: string,
  name: string,
  parse: (json: unknown) => T,
  log: Log,
): Promise<T | undefined> {
  const path = join(folder, name)
  try {
    return parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    if (errnoOf(error) !== undefined) throw error
    await rename(path, `${path}.damaged`)
    log.warn('state.damaged', { path, kept: `${path}.damaged`, error: messageOf(error) })
    return undefined
  }
}
