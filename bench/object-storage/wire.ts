/** A long wire to the server, in a process of its own so that it does not wait for the bench; and what it can carry. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { MiB } from '../../src/base/units.ts'

export interface Wire extends AsyncDisposable {
  readonly port: number
}

export async function openWire(port: number, roundTripMs: number): Promise<Wire> {
  const program = fileURLToPath(new URL('wire-process.ts', import.meta.url))
  const child = fork(program, [String(port), String(roundTripMs)], { stdio: 'inherit' })
  const [opened] = (await once(child, 'message')) as [number]
  return { port: opened, [Symbol.asyncDispose]: () => end(child) }
}

const probeSizeBytes = 512 * MiB

/** How many bytes a second pass through such a wire when nothing else is done: it must be far more than a tool sends. */
export async function measureWire(roundTripMs: number): Promise<number> {
  const sink = createServer(socket => {
    let leftBytes = probeSizeBytes
    socket.on('data', piece => {
      leftBytes -= piece.length
      if (leftBytes === 0) socket.end('.')
    })
  })
  sink.listen(0, '127.0.0.1')
  await once(sink, 'listening')
  const address = sink.address()
  if (address === null || typeof address === 'string') throw new Error('the sink has no port')
  await using wire = await openWire(address.port, roundTripMs)
  const startedAt = performance.now()
  const socket = connect(wire.port, '127.0.0.1')
  const piece = Buffer.alloc(1 * MiB)
  for (let sent = 0; sent < probeSizeBytes; sent += piece.length)
    if (!socket.write(piece)) await once(socket, 'drain')
  await once(socket, 'data')
  const tookMs = performance.now() - startedAt
  socket.destroy()
  sink.close()
  return (probeSizeBytes * 1000) / tookMs
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill()
  await ended
}
