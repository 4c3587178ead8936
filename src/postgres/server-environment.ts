/** The environment that a server was started with, and so everything that it starts: archive_command, restore_command. */
import { readFile, readlink, realpath } from 'node:fs/promises'
import { readPostmasterFile } from './data-directory-lock.ts'

export interface ServerEnvironment {
  readonly pid: number
  readonly variables: Readonly<Record<string, string>>
}

/** Undefined when the server runs elsewhere, or belongs to somebody whose processes we may not look at. */
export async function readServerEnvironment(dataDirectory: string): Promise<ServerEnvironment | undefined> {
  try {
    const file = await readPostmasterFile(dataDirectory)
    if (!file) return undefined
    const process = `/proc/${String(file.pid)}`
    // A server works in its data directory; any other process only has the number of one that is gone.
    if ((await readlink(`${process}/cwd`)) !== (await realpath(dataDirectory))) return undefined
    const text = await readFile(`${process}/environ`, 'utf8')
    return { pid: file.pid, variables: Object.fromEntries(text.split('\0').flatMap(pairOf)) }
  } catch {
    return undefined
  }
}

function pairOf(line: string): readonly (readonly [string, string])[] {
  const at = line.indexOf('=')
  return at > 0 ? [[line.slice(0, at), line.slice(at + 1)]] : []
}
