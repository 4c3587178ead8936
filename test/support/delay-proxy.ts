/**
 * A wire that is longer than it is: every byte that passes comes out a fixed time later, however many are under way, so
 * that a far server can be had on the loopback. It knows nothing of what it carries (TLS passes as it is).
 *
 * A connection itself takes a round trip, too: the first bytes wait for that one in addition.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface DelayProxy extends AsyncDisposable {
  readonly port: number
}

export interface DelayOptions {
  readonly host: string
  readonly port: number
  readonly roundTripMs: number
}

export async function openDelayProxy({ host, port, roundTripMs }: DelayOptions): Promise<DelayProxy> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, near => {
    const far = connect({ host, port, allowHalfOpen: true, noDelay: true })
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    }
    carry(near, far, roundTripMs / 2, performance.now() + roundTripMs * 1.5)
    carry(far, near, roundTripMs / 2, 0)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: portOf(server), [Symbol.asyncDispose]: () => close(server, sockets) }
}

/** So much may be under way in one direction: 5 GB/s at 20 ms are 100 MB. */
const underWayBytesMax = 128 * 2 ** 20

type Passing = Buffer | 'end' | 'break'

/** `notBefore`: when the first byte may come out. */
function carry(from: Socket, to: Socket, oneWayMs: number, notBefore: number): void {
  const queue: { readonly dueAt: number; readonly what: Passing }[] = []
  let underWayBytes = 0
  let timer: NodeJS.Timeout | undefined
  const deliver = (): void => {
    timer = undefined
    for (let head = queue[0]; head; head = queue[0]) {
      const leftMs = head.dueAt - performance.now()
      if (leftMs > 0.5) {
        timer = setTimeout(deliver, leftMs)
        return
      }
      queue.shift()
      underWayBytes -= sizeOf(head.what)
      pass(head.what, to)
    }
    if (from.isPaused() && underWayBytes < underWayBytesMax / 2 && !to.writableNeedDrain) from.resume()
  }
  const add = (what: Passing): void => {
    queue.push({ dueAt: Math.max(notBefore, performance.now() + oneWayMs), what })
    underWayBytes += sizeOf(what)
    if (underWayBytes >= underWayBytesMax || to.writableLength >= underWayBytesMax) from.pause()
    if (oneWayMs === 0 && queue.length === 1) deliver()
    else timer ??= setTimeout(deliver, oneWayMs)
  }
  from.on('data', add)
  from.on('end', () => add('end'))
  from.on('error', () => add('break'))
  to.on('drain', deliver)
}

const sizeOf = (what: Passing): number => (typeof what === 'string' ? 0 : what.length)

/** To one who is gone nothing is passed. */
function pass(what: Passing, to: Socket): void {
  if (to.destroyed) return
  if (what === 'break') to.resetAndDestroy()
  else if (what === 'end') to.end()
  else to.write(what)
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return address.port
}

async function close(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  for (const socket of sockets) socket.destroy()
  await closed
}
