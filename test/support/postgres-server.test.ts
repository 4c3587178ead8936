import { existsSync, readdirSync, rmSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { majors } from './postgres-binaries.ts'
import { startServer } from './postgres-server.ts'
import { catchUp, startStandby } from './postgres-standby.ts'

describe('throw-away servers', () => {
  test.each(majors)(
    'PostgreSQL %i starts, restarts, survives kill -9, and leaves nothing behind',
    async major => {
      const server = await startServer({ major, archiveCommand: true, walSegmentSizeMb: 1 })
      expect(await server.value('SHOW server_version_num')).toMatch(new RegExp(`^${String(major)}`))
      expect(await server.value('SHOW data_checksums')).toBe('on')
      await server.query('CREATE TABLE t AS SELECT 1 AS id')
      await server.restart()
      await server.kill9()
      await server.start()
      expect(await server.value('SELECT count(*) FROM t')).toBe('1')
      await server.query('SELECT pg_switch_wal()')
      await expect
        .poll(() => readdirSync(server.archiveDirectory).length, { timeout: 10_000 })
        .toBeGreaterThan(0)
      await server.remove()
      expect(existsSync(server.root)).toBe(false)
    },
  )

  test.each([14, 18] as const)('a standby of PostgreSQL %i follows its primary', async major => {
    await using primary = await startServer({ major })
    await using standby = await startStandby(primary)
    await primary.query('CREATE TABLE t AS SELECT 7 AS id')
    await catchUp(primary, standby)
    expect(await standby.value('SELECT id FROM t')).toBe('7')
    expect(await standby.value('SELECT pg_is_in_recovery()')).toBe('true')
  })

  test('a server ends when the process that started it is killed', async () => {
    const support = fileURLToPath(new URL('postgres-server.ts', import.meta.url))
    const code = `const { startServer } = await import(${JSON.stringify(support)}); const s = await startServer({ major: 15 }); console.log(s.root); setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const root = await new Promise<string>(resolve =>
      child.stdout.once('data', (data: Buffer) => {
        resolve(data.toString().trim())
      }),
    )
    expect(existsSync(join(root, 'data', 'postmaster.pid'))).toBe(true)
    child.kill('SIGKILL')
    await expect.poll(() => existsSync(root), { timeout: 10_000 }).toBe(false)
    rmSync(root, { recursive: true, force: true })
  })
})
