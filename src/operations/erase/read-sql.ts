/** The SQL of a request to forget, as single statements; or why it can not be one. */
import { readFile, stat } from 'node:fs/promises'
import { Fault, messageOf } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { formatBytes } from '../../base/units.ts'
import { splitSql, whyNotInTransaction } from '../../postgres/sql-script.ts'

export async function readSql(path: string): Promise<readonly string[]> {
  return statementsOf(await readText(path), path)
}

export function statementsOf(script: string, path: string): readonly string[] {
  const found = splitSql(script)
  if ('reason' in found) throw invalid(`${path}, line ${String(found.line)}: ${found.reason}`)
  if (found.length === 0) throw invalid(`${path} holds no statement`)
  for (const statement of found) {
    const why = whyNotInTransaction(statement)
    if (why !== undefined) throw invalid(`${path}, line ${String(statement.line)}: ${why}`)
  }
  return found.map(({ text }) => text)
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size > limits.erasureSqlBytesMax)
      throw invalid(`${path} has ${formatBytes(size)}, more than ${formatBytes(limits.erasureSqlBytesMax)}`)
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path))
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('USAGE', `${path} can not be read: ${messageOf(error)}`, {
      hint: 'Name a file of SQL statements in UTF-8, ended by semicolons.',
      cause: error,
    })
  }
}

const invalid = (message: string): Fault =>
  new Fault('ERASURE_INVALID', message, {
    hint: 'Give DELETE, UPDATE and the like, ended by semicolons; BEGIN and COMMIT are ours.',
  })
