/** Whether the data directory is the server's own, and can be read by who runs this. */
import { access, constants } from 'node:fs/promises'
import { messageOf } from '../../base/fault.ts'
import { readControlFile } from '../../postgres/control-file.ts'
import type { ServerFacts } from '../../postgres/server-facts.ts'
import { ok, problem, type Finding } from './finding.ts'

export async function checkData(
  facts: ServerFacts,
  configured: string | undefined,
): Promise<readonly Finding[]> {
  const directory = configured ?? facts.dataDirectory
  if (directory === undefined) {
    return [
      problem(
        'data',
        `the role ${facts.role.name} may not see where the data directory is`,
        'Grant pg_read_all_settings to it, or set postgres.data_directory.',
      ),
    ]
  }
  const { control } = await readControlFile(directory)
  if (control.systemIdentifier !== facts.systemIdentifier) {
    return [
      problem(
        'data',
        `${directory} belongs to system ${control.systemIdentifier}, and the server is ${facts.systemIdentifier}`,
        "Run on the server's host, or correct postgres.data_directory or postgres.connection.",
      ),
    ]
  }
  const tablespaces = facts.tablespaces.filter(({ location }) => location !== '')
  const found = await Promise.all(tablespaces.map(({ name, location }) => checkTablespace(name, location)))
  return [ok('data', `${directory} is the server's, and can be read`), ...found]
}

async function checkTablespace(name: string, location: string): Promise<Finding> {
  try {
    await access(location, constants.R_OK | constants.X_OK)
    return ok('data', `tablespace ${name} at ${location} can be read`)
  } catch (error) {
    return problem(
      'data',
      `tablespace ${name} can not be read: ${messageOf(error)}`,
      'Run as the user that PostgreSQL runs as.',
    )
  }
}
