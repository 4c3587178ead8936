/** The agent's ear: a socket that only its user (and root) can open. */
import { chmod, mkdir, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { Fault, isFault, messageOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { request, type Answer, type Request } from '../control/messages.ts'

export type Handler = (asked: Request) => Promise<unknown>

/** Who listens has claimed the agent's folder, so a socket that is there is left from one that was killed. */
export async function listenAt(path: string, handle: Handler): Promise<AsyncDisposable> {
  const server = createServer(socket => {
    serve(socket, handle)
  })
  const open = new Set<Socket>()
  server.on('connection', socket => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  try {
    await mkdir(dirname(path), { recursive: true })
    await rm(path, { force: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      // From the first moment on, not only after chmod.
      const before = process.umask(0o177)
      server.listen(path, resolve)
      process.umask(before)
    })
    await chmod(path, 0o600)
  } catch (error) {
    throw new Fault('AGENT_STATE', `the agent can not listen at ${path}: ${messageOf(error)}`, {
      hint: 'Make its folder for the user who runs the agent, or name another as `socket` of `agent` in the configuration.',
      cause: error,
    })
  }
  return {
    async [Symbol.asyncDispose]() {
      await new Promise<void>(resolve => {
        server.close(() => resolve())
        for (const socket of open) socket.end()
      })
      await rm(path, { force: true })
    },
  }
}

function serve(socket: Socket, handle: Handler): void {
  let received = ''
  let isAsked = false
  socket.setEncoding('utf8')
  // Somebody who goes away while waiting is no trouble.
  socket.on('error', () => socket.destroy())
  socket.on('data', (piece: string) => {
    received += piece
    if (isAsked) return
    if (received.length > limits.controlLineCharsMax) socket.destroy()
    const end = received.indexOf('\n')
    if (end === -1) return
    isAsked = true
    void answerTo(received.slice(0, end), handle).then(answer => socket.end(`${JSON.stringify(answer)}\n`))
  })
}

async function answerTo(line: string, handle: Handler): Promise<Answer> {
  try {
    const asked = request.safeParse(JSON.parse(line))
    if (!asked.success)
      return {
        ok: false,
        message: 'the agent does not understand this',
        hint: 'Use `holdfast agent` of the same version.',
      }
    return { ok: true, value: await handle(asked.data) }
  } catch (error) {
    return {
      ok: false,
      message: messageOf(error),
      hint: isFault(error) ? error.hint : 'See the log of the agent.',
    }
  }
}
