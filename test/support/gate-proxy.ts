/**
 * A way to a server on which a connection can be met half way: the first one that has carried so many bytes is held there,
 * until the test has done what it wants to, and lets it go on or cuts it.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface GateProxy extends AsyncDisposable {
  readonly port: number
  /** Holds the next connection that has carried so much in this direction. Resolves when one has. */
  hold(from: 'client' | 'server', afterBytes: number): Promise<HeldConnection>
}

export interface HeldConnection {
  letGo(): void
  cut(): void
}

interface Gate {
  readonly from: 'client' | 'server'
  readonly afterBytes: number
  readonly met: (held: HeldConnection) => void
}

/** `path` is the server's socket. */
export async function openGateProxy(path: string): Promise<GateProxy> {
  const sockets = new Set<Socket>()
  let gate: Gate | undefined
  const server = createServer({ allowHalfOpen: true }, near => {
    const far = connect({ path, allowHalfOpen: true })
    const cut = (): void => {
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', cut)
      socket.once('close', () => sockets.delete(socket))
    }
    carry('client', near, far, cut)
    carry('server', far, near, cut)
  })

  function carry(from: Gate['from'], source: Socket, target: Socket, cut: () => void): void {
    let bytes = 0
    source.on('data', (piece: Buffer) => {
      bytes += piece.length
      const goOn = target.write(piece)
      if (gate?.from === from && bytes >= gate.afterBytes) {
        const { met } = gate
        gate = undefined
        source.pause()
        met({ letGo: () => void source.resume(), cut })
      } else if (!goOn) {
        source.pause()
        target.once('drain', () => source.resume())
      }
    })
    source.on('end', () => target.end())
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: portOf(server),
    hold: (from, afterBytes) =>
      new Promise(met => {
        gate = { from, afterBytes, met }
      }),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}
