/** An endpoint that is down: whoever waits is told for what, and programs get what they always got. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeRun, startHoldfast, type Run } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'

let folder: string

const run = (args: readonly string[]): Promise<Run> =>
  startHoldfast(['--config', join(folder, 'holdfast.yaml'), ...args]).ended

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-retries-'))
  makeOwned(folder)
  // Nobody listens there any more.
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as { readonly port: number }
  await new Promise(resolve => server.close(resolve))
  const main = {
    url: 's3://bucket/pg',
    endpoint: `http://127.0.0.1:${String(port)}`,
    region: 'us-east-1',
    credentials: { access_key_id: 'key', secret_access_key: 'secret' },
    encryption: 'none',
  }
  const config = { cluster: 'lab', postgres: { connection: 'host=/nowhere' }, repositories: { main } }
  writeFileSync(join(folder, 'holdfast.yaml'), JSON.stringify(config))
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

test('a command that waits for it says what it waits for, and why; as JSON there is only the error', async () => {
  const [plain, quiet, json] = await Promise.all([
    run(['list']),
    run(['list', '--quiet']),
    run(['list', '--json']),
  ])
  expect(plain.status, describeRun(plain)).toBe(31)
  expect(plain.out).toBe('')
  const told = [
    ...plain.err.matchAll(/^repository main: .*ECONNREFUSED.*; trying again \((\d) of (\d)\)$/gm),
  ].map(([, next, of]) => [Number(next), Number(of)])
  expect(told.length, plain.err).toBeGreaterThanOrEqual(2)
  expect(told.at(-1)).toEqual([7, 7])
  expect(quiet.err).not.toContain('trying again')
  expect(JSON.parse(json.err)).toMatchObject({ error: { code: 'STORAGE_UNAVAILABLE' } })
})
