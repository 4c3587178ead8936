/** Speaks to a running agent. */
import { createConnection } from 'node:net'
import { errnoOf, Fault, messageOf } from '../base/fault.ts'
import { answer, type Request } from './messages.ts'

export async function askAgent(socketPath: string, asked: Request, signal: AbortSignal): Promise<unknown> {
  const text = await exchange(socketPath, `${JSON.stringify(asked)}\n`, signal)
  const said = answer.safeParse(parsed(text))
  if (!said.success) throw unreachable(socketPath, 'it ended before it answered', undefined)
  if (said.data.ok) return said.data.value
  throw new Fault('AGENT_REFUSED', said.data.message, { hint: said.data.hint })
}

function exchange(path: string, line: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path)
    const stop = (): void => {
      socket.destroy()
      reject(signal.reason instanceof Error ? signal.reason : new Error('stopped'))
    }
    signal.addEventListener('abort', stop, { once: true })
    let received = ''
    socket.setEncoding('utf8')
    socket.on('data', (piece: string) => (received += piece))
    socket.once('connect', () => socket.write(line))
    socket.once('error', error => {
      signal.removeEventListener('abort', stop)
      reject(unreachable(path, messageOf(error), error))
    })
    socket.once('close', () => {
      signal.removeEventListener('abort', stop)
      resolve(received)
    })
  })
}

function unreachable(path: string, why: string, cause: unknown): Fault {
  const isDenied = errnoOf(cause) === 'EACCES'
  return new Fault('AGENT_UNREACHABLE', `no agent answers at ${path}: ${why}`, {
    hint: isDenied
      ? 'Run this as the user of the agent, or as root: nobody else may speak to it.'
      : 'Start it: `systemctl start holdfast-CLUSTER` (the name of the cluster), or `holdfast agent`; `socket` of `agent` in the configuration says where it listens.',
    cause,
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
