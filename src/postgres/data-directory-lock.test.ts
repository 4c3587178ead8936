import { cpSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startServer } from '../../test/support/postgres-server.ts'
import { readPostmasterFile, refuseIfInUse, whyInUse } from './data-directory-lock.ts'

describe('the lock of a data directory', () => {
  test('a directory is in use while its server runs, and free when it has stopped or been killed', async () => {
    await using server = await startServer({ major: 17 })
    expect(await readPostmasterFile(server.dataDirectory)).toMatchObject({
      pid: server.pid,
      port: server.port,
      socketDirectory: server.socketDirectory,
      status: 'ready',
      sharedMemoryId: expect.any(Number) as number,
    })
    expect(await whyInUse(server.dataDirectory)).toBe(`a server with pid ${String(server.pid)} runs on it`)
    await expect(refuseIfInUse(server.dataDirectory)).rejects.toMatchObject({ code: 'TARGET_DIRECTORY' })
    await server.kill9()
    expect(existsSync(join(server.dataDirectory, 'postmaster.pid'))).toBe(true)
    expect(await whyInUse(server.dataDirectory)).toBeUndefined()
    await server.start()
    await server.stop()
    expect(await whyInUse(server.dataDirectory)).toBeUndefined()
  })

  test('a directory is in use while processes of a crashed server hold its shared memory', async () => {
    await using server = await startServer({ major: 16 })
    const checkpointer = Number(
      await server.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"),
    )
    process.kill(checkpointer, 'SIGSTOP')
    process.kill(server.pid ?? 0, 'SIGKILL')
    await expect.poll(() => whyInUse(server.dataDirectory)).toMatch(/still use its shared memory/)
    process.kill(checkpointer, 'SIGCONT')
    await expect.poll(() => whyInUse(server.dataDirectory)).toBeUndefined()
  })

  test('a copy of the directory of a running server is free', async () => {
    await using server = await startServer({ major: 14 })
    const copy = join(server.root, 'copy')
    cpSync(join(server.dataDirectory, 'postmaster.pid'), join(copy, 'postmaster.pid'))
    const file = await readPostmasterFile(copy)
    expect(file?.pid).toBe(server.pid)
    writeFileSync(join(copy, 'postmaster.pid'), `${String(server.pid)}\n${copy}\n0\n5432\n\n\n`)
    expect(await whyInUse(copy)).toBeUndefined()
  })

  test('a directory that is not there is free', async () => {
    expect(await whyInUse('/nonexistent')).toBeUndefined()
    await refuseIfInUse('/nonexistent')
  })
})
