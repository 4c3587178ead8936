/** What lies in the archive tier, on azurite: it refuses to read it, and brings it back at once where Azure takes hours. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startAzurite, type AzuriteServer } from '../../../test/support/azurite-server.ts'
import { read, signal, text } from '../../../test/contract/tools.ts'
import { isFault } from '../../base/fault.ts'
import { systemWorld } from '../../base/world.ts'
import type { Storage } from '../storage.ts'
import { openAzureStorage } from './azure.ts'
import { stateOf } from './azure/thaw.ts'

let server: AzuriteServer
let storage: Storage
beforeAll(async () => {
  server = await startAzurite()
  const url = `az://${await server.makeContainer()}/pg`
  const credentials = { kind: 'text', text: server.connectionString } as const
  const rules = [{ pattern: 'c/archive/**', storageClass: 'Archive' }]
  storage = await openAzureStorage(new URL(url), { url, access: { credentials }, rules }, systemWorld())
})
afterAll(() => server.stop())

describe('a blob in the archive tier', () => {
  test('is copied there, can not be read, is thawed, and can', async () => {
    await storage.put('c/wal/a', text('bytes'), signal)
    expect(await storage.copying?.copy('c/wal/a', 'c/archive/wal/a', 'refuse', signal)).toBe('proven')
    await expect(read(storage, 'c/archive/wal/a')).rejects.toSatisfy(error => isFault(error, 'OBJECT_COLD'))
    const { thawing } = storage
    expect(await thawing?.state('c/archive/wal/a', signal)).toMatchObject({
      is: 'cold',
      storageClass: 'Archive',
    })
    const [listed] = await Array.fromAsync(storage.list('c/archive/', signal))
    expect(thawing?.isCold(listed?.storageClass)).toBe(true)
    await thawing?.request('c/archive/wal/a', { speed: 'standard', days: 3 }, signal)
    expect(await thawing?.state('c/archive/wal/a', signal)).toMatchObject({ is: 'readable' })
    // Asking for what can be read does nothing.
    await thawing?.request('c/archive/wal/a', { speed: 'expedited', days: 3 }, signal)
    expect((await read(storage, 'c/archive/wal/a')).toString()).toBe('bytes')
  })

  test('that is not there is missing', async () => {
    await expect(storage.thawing?.state('c/archive/none', signal)).rejects.toSatisfy(error =>
      isFault(error, 'OBJECT_MISSING'),
    )
  })
})

test.each([
  [{ accessTier: 'Hot' }, 'readable'],
  [{ accessTier: 'Archive' }, 'cold'],
  [{ accessTier: 'Archive', archiveStatus: 'rehydrate-pending-to-cool' }, 'thawing'],
  [{ accessTier: 'Cool', archiveStatus: undefined }, 'readable'],
] as const)('%j is %s', (seen, expected) => {
  expect(stateOf(seen).is).toBe(expected)
})
