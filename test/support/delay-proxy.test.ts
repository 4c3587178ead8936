import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDelayProxy, type DelayProxy } from './delay-proxy.ts'

const roundTripMs = 60
let echo: Server
let proxy: DelayProxy

beforeAll(async () => {
  echo = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => socket.destroy())
    socket.pipe(socket)
  })
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const { port } = echo.address() as { port: number }
  proxy = await openDelayProxy({ host: '127.0.0.1', port, roundTripMs })
})

afterAll(async () => {
  await proxy[Symbol.asyncDispose]()
  echo.close()
})

test('the first answer takes two round trips, the next ones take one each', async () => {
  const socket = await open()
  for (const trips of [2, 1, 1]) {
    const startedAt = performance.now()
    socket.write('x')
    await once(socket, 'data')
    const tookMs = performance.now() - startedAt
    expect(tookMs).toBeGreaterThan(trips * roundTripMs - 10)
    expect(tookMs).toBeLessThan(trips * roundTripMs + 500)
  }
  socket.destroy()
})

test('much passes at once: bytes do not wait for one another, and come whole and in order', async () => {
  const socket = await open()
  const sent = Buffer.alloc(48 * 2 ** 20)
  for (let at = 0; at < sent.length; at += 4) sent.writeUInt32LE(at, at)
  const startedAt = performance.now()
  const pieces: Buffer[] = []
  socket.on('data', (piece: Buffer) => pieces.push(piece))
  socket.end(sent)
  await once(socket, 'end')
  // A window of 64 KiB for each round trip would take 46 seconds.
  expect(performance.now() - startedAt).toBeLessThan(10_000)
  expect(Buffer.concat(pieces).equals(sent)).toBe(true)
})

test('a connection that breaks on one side breaks on the other', async () => {
  const accepted = once(echo, 'connection') as Promise<[Socket]>
  const socket = await open()
  const [far] = await accepted
  far.resetAndDestroy()
  await new Promise(resolve => socket.once('close', resolve))
})

async function open(): Promise<Socket> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}
