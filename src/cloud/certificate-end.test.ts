/** The end of the certificate of servers on the loopback. */
import { X509Certificate } from 'node:crypto'
import { createServer as createPlain, type Server } from 'node:net'
import { createServer } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { makeCertificate } from '../../test/support/own-certificate.ts'
import { systemWorld } from '../base/world.ts'
import { certificateEndMs } from './certificate-end.ts'

const { clock } = systemWorld()
const never = new AbortController().signal
const servers: Server[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map(server => new Promise(resolve => server.close(resolve))))
})

async function listening(server: Server): Promise<URL> {
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return new URL(`https://127.0.0.1:${String(typeof address === 'object' ? address?.port : address)}`)
}

const endOf = (url: URL, msMax = 30_000): Promise<number | undefined> =>
  certificateEndMs(url, { clock, msMax }, never)

test('is read from what the server shows, whoever has signed it', async () => {
  const own = await makeCertificate()
  const url = await listening(createServer(own))
  expect(await endOf(url)).toBe(new X509Certificate(own.cert).validToDate.getTime())
})

test('is not known of who hangs up, is silent, is not there, or has none', async () => {
  const rude = await listening(createPlain(socket => void socket.destroy()))
  expect(await endOf(rude)).toBeUndefined()
  const silent = await listening(createPlain(socket => void socket.on('error', () => undefined).resume()))
  expect(await endOf(silent, 50)).toBeUndefined()
  const gone = createPlain()
  const url = await listening(gone)
  await new Promise(resolve => gone.close(resolve))
  servers.pop()
  expect(await endOf(url)).toBeUndefined()
  expect(await endOf(new URL('http://127.0.0.1:1'))).toBeUndefined()
})

test('whoever is told to stop, stops', async () => {
  const stop = new AbortController()
  const url = await listening(
    createPlain(socket => {
      socket.on('error', () => undefined).resume()
      stop.abort(new Error('enough'))
    }),
  )
  await expect(certificateEndMs(url, { clock, msMax: 30_000 }, stop.signal)).rejects.toThrow('enough')
})
