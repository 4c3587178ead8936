/**
 * There is one agent for a folder. A socket without a file (its name begins with a zero byte) is held by one process at a
 * time, and the kernel takes it back when that process ends, however it ends.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import { errnoOf, Fault } from '../base/fault.ts'

export async function claimFolder(folder: string): Promise<AsyncDisposable> {
  const name = `\0holdfast-agent-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`
  const server = createServer(socket => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => {
      if (errnoOf(error) !== 'EADDRINUSE') reject(error)
      else
        reject(
          new Fault('AGENT_RUNNING', `another agent works with ${folder}`, {
            hint: 'See `holdfast agent status`, or stop it with `holdfast agent stop`.',
            cause: error,
          }),
        )
    })
    server.listen(name, resolve)
  })
  server.unref()
  return {
    [Symbol.asyncDispose]: () =>
      new Promise(resolve => {
        server.close(() => resolve())
      }),
  }
}
