/**
 * A name that one process of a host has at a time. A socket without a file (its name begins with a zero byte) is held by one
 * process, and the kernel takes it back when that process ends, however it ends. Containers with networks of their own have
 * names of their own.
 */
import { createServer } from 'node:net'
import { errnoOf } from './fault.ts'

/** Undefined: somebody else has it. */
export async function claimName(name: string): Promise<AsyncDisposable | undefined> {
  const server = createServer(socket => socket.destroy())
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(`\0${name}`, resolve)
    })
  } catch (error) {
    if (errnoOf(error) === 'EADDRINUSE') return undefined
    throw error
  }
  server.unref()
  return {
    [Symbol.asyncDispose]: () =>
      new Promise(resolve => {
        server.close(() => resolve())
      }),
  }
}
