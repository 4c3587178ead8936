import { afterEach, describe, expect, test, vi } from 'vitest'
import { startStrictGcs, type StrictGcs } from '../../../../test/support/gcs-emulator-strict.ts'
import { isFault } from '../../../base/fault.ts'
import { systemWorld } from '../../../base/world.ts'
import type { Storage } from '../../storage.ts'
import { openGcsStorage } from '../gcs.ts'

const signal = new AbortController().signal
const url = 'gs://bucket/p'
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

async function start(options: { token?: string; requesterPays?: boolean }): Promise<StrictGcs> {
  const server = await startStrictGcs(options)
  stops.push(() => server.stop())
  return server
}

function open(server: StrictGcs, text?: string, requesterPays = false): Promise<Storage> {
  const access = {
    endpoint: server.endpoint,
    requesterPays,
    ...(text !== undefined && { credentials: { kind: 'text', text } as const }),
  }
  return openGcsStorage(new URL(url), { url, access }, systemWorld())
}

describe('credentials for Google', () => {
  test('without TLS and without credentials that were given on purpose, none are sent', async () => {
    const server = await start({})
    await (await open(server)).stat('a', signal)
    expect(server.requests.every(({ headers }) => headers['authorization'] === undefined)).toBe(true)
  })

  test('a server that wants some and gets none, or others, is a matter of credentials', async () => {
    const server = await start({ token: 'good' })
    await expect((await open(server)).stat('a', signal)).rejects.toSatisfy(error =>
      isFault(error, 'STORAGE_CREDENTIALS'),
    )
  })

  test.each([
    ['no JSON', 'very secret'],
    ['JSON of another kind', '{"type":"very secret"}'],
  ])('%s as key file is told without its text', async (_, text) => {
    const server = await start({})
    const error: unknown = await open(server, text).catch((thrown: unknown) => thrown)
    expect(isFault(error, 'CONFIG_INVALID')).toBe(true)
    expect(String(error)).not.toContain('secret')
  })

  test('a key file whose key is broken is a matter of credentials, told without secrets', async () => {
    const server = await start({ token: 'good' })
    const broken = JSON.stringify({
      type: 'service_account',
      client_email: 'holdfast@example.com',
      private_key: '-----BEGIN PRIVATE KEY-----\nvery secret\n-----END PRIVATE KEY-----\n',
      private_key_id: 'x',
    })
    const storage = await open(server, broken)
    const error: unknown = await storage.stat('a', signal).catch((thrown: unknown) => thrown)
    expect(isFault(error, 'STORAGE_CREDENTIALS')).toBe(true)
    expect(String(error)).not.toContain('secret')
  })

  test('where the requester pays, each request names the project that does', async () => {
    const server = await start({ requesterPays: true })
    vi.stubEnv('GOOGLE_CLOUD_PROJECT', 'gathr')
    await (await open(server, undefined, true)).stat('a', signal)
    expect(server.requests.map(({ query }) => query['userProject'])).toEqual(['gathr'])
    await expect((await open(server)).stat('a', signal)).rejects.toThrow('requester pays')
    vi.unstubAllEnvs()
  })
})
