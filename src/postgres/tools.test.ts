import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { binDirectory, majors } from '../../test/support/postgres-binaries.ts'
import { clientDirectory } from '../../test/support/postgres-clients.ts'
import { findClientTool } from '../../test/support/tools.ts'
import { findClientProgram, findServer, findTool } from './tools.ts'

const never = new AbortController().signal

describe('the programs of PostgreSQL', () => {
  test.each(majors)('a server of version %i is found on the path among others', async major => {
    const path = majors.map(other => binDirectory(other)).join(':')
    const found = await findServer(major, { path }, never)
    expect(found.major).toBe(major)
    expect(found.version).toMatch(new RegExp(`^${String(major)}\\.`))
  })

  test('a folder with another version is refused, and the fault says what to install', async () => {
    const finding = findServer(14, { binDirectory: binDirectory(18) }, never)
    await expect(finding).rejects.toMatchObject({
      code: 'SERVER_START',
      hint: expect.stringContaining('PostgreSQL 14') as string,
    })
  })

  test('a client program may be newer than asked for, and never older', async () => {
    const path = clientDirectory(15)
    expect((await findClientProgram('pg_restore', 14, { binDirectory: path }, never)).path).toBe(
      join(path, 'pg_restore'),
    )
    const finding = findClientProgram('pg_restore', 16, { binDirectory: path }, never)
    await expect(finding).rejects.toMatchObject({
      code: 'PROGRAM_MISSING',
      message: expect.stringContaining('is 15.') as string,
      hint: expect.stringContaining('postgresql-client-16') as string,
    })
  })

  const verify = findClientTool('pg_verifybackup', 15)
  test.skipIf(verify.path === undefined)(
    'tools are found in the usual places, by exact version',
    async () => {
      expect((await findTool('pg_verifybackup', 15, {}, never))?.path).toBe(verify.path)
      expect(
        await findTool('pg_verifybackup', 14, { path: join(verify.path ?? '', '..') }, never),
      ).toBeUndefined()
    },
  )
})
