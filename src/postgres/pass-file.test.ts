import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findPassword, readPassFile } from './pass-file.ts'

const query = { host: 'db', port: 5432, database: 'app', user: 'me' }

describe('the password file', () => {
  test.each([
    ['db:5432:app:me:right', 'right'],
    ['# db:5432:app:me:no\nother:*:*:*:no\n*:*:*:me:right\n*:*:*:*:late', 'right'],
    ['db:5432:app:me:with\\:colon\\\\', 'with:colon\\'],
    ['db:5433:app:me:no', undefined],
    ['broken', undefined],
  ])('%j gives %j', (text, expected) => {
    expect(findPassword(text, query)?.reveal()).toBe(expected)
  })

  test('localhost stands for the usual socket folders', () => {
    expect(findPassword('localhost:*:*:*:yes', { ...query, host: '/run/postgresql' })?.reveal()).toBe('yes')
    expect(findPassword('localhost:*:*:*:yes', { ...query, host: '/elsewhere' })).toBeUndefined()
  })

  test('a file that others can read is passed over, and the reason is told', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hf-pass-'))
    try {
      const path = join(folder, 'pgpass')
      await writeFile(path, '*:*:*:*:yes\n', { mode: 0o644 })
      expect(await readPassFile(path, query)).toMatchObject({
        password: undefined,
        ignored: expect.stringContaining('chmod 600') as unknown,
      })
      await rm(path)
      expect(await readPassFile(path, query)).toEqual({ password: undefined })
      await writeFile(path, '*:*:*:*:yes\n', { mode: 0o600 })
      expect((await readPassFile(path, query)).password?.reveal()).toBe('yes')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
