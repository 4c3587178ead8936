/** How the ends of certificates and credentials are found out. */
import { createServer, type Server } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { makeCertificate } from '../../../test/support/own-certificate.ts'
import { systemWorld } from '../../base/world.ts'
import type { Reach } from '../../storage/second-ports.ts'
import { readEndings } from './endings.ts'

const world = systemWorld()
const signal = new AbortController().signal
const servers: Server[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map(server => new Promise(resolve => server.close(resolve))))
})

const placeOf = (name: string, more: Partial<Reach> = {}) => ({
  name,
  openReach: () =>
    Promise.resolve({
      endpoint: () => Promise.resolve(undefined),
      credentialsEnd: () => Promise.resolve(undefined),
      clockSkewMs: () => Promise.resolve(undefined),
      ...more,
    }),
})

test('two repositories of one host make one handshake', async () => {
  const server = createServer(await makeCertificate())
  servers.push(server)
  let handshakes = 0
  server.on('connection', () => handshakes++)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const host = `127.0.0.1:${String(typeof address === 'object' ? address?.port : address)}`
  const endpoint = (): Promise<URL> => Promise.resolve(new URL(`https://${host}`))
  const found = await readEndings(
    [placeOf('main', { endpoint }), placeOf('copy', { endpoint })],
    world,
    signal,
  )
  expect(handshakes).toBe(1)
  const certificate = { host, endMs: expect.any(Number) as number }
  expect(found).toEqual([
    { repository: 'main', certificate, credentials: undefined },
    { repository: 'copy', certificate, credentials: undefined },
  ])
})

test('what fails or hangs is not known, and hides nothing else', async () => {
  const credentials = { endMs: 1, isShortLived: true }
  const fails = (): Promise<never> => Promise.reject(new Error('no'))
  const hangs = (): Promise<never> => new Promise(() => undefined)
  // The limit is reached when it is waited for.
  const clock = { ...world.clock, sleep: () => Promise.resolve() }
  const told = placeOf('told', { endpoint: fails, credentialsEnd: () => Promise.resolve(credentials) })
  expect(
    await readEndings([told, { name: 'folder' }, { name: 'broken', openReach: fails }], world, signal),
  ).toEqual([
    { repository: 'told', certificate: undefined, credentials },
    { repository: 'folder' },
    { repository: 'broken' },
  ])
  expect(await readEndings([placeOf('hung', { endpoint: hangs })], { clock }, signal)).toEqual([
    { repository: 'hung' },
  ])
})
