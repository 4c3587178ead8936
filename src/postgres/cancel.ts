/**
 * Asks a server to cancel the statement that a session runs: a connection of its own carries the request.
 *
 * See the PostgreSQL manual, "Canceling Requests in Progress".
 */
import { connect as connectSocket } from 'node:net'
import type pg from 'pg'
import { second } from '../base/units.ts'
import { isSocketFolder } from './connection-string.ts'
import type { Place } from './connection-faults.ts'

const cancelRequestCode = 80_877_102

/** Resolves when the server has taken the request (it closes the connection then), or could not be reached. */
export async function cancelStatement(client: pg.Client, place: Place): Promise<void> {
  const key = cancelKey(client)
  if (!key) return
  const request = Buffer.alloc(16)
  request.writeInt32BE(16, 0)
  request.writeInt32BE(cancelRequestCode, 4)
  request.writeInt32BE(key.processId, 8)
  request.writeInt32BE(key.secret, 12)
  const socket = isSocketFolder(place.host)
    ? connectSocket(`${place.host}/.s.PGSQL.${String(place.port)}`)
    : connectSocket(place.port, place.host)
  await new Promise<void>(resolve => {
    const slow = AbortSignal.timeout(5 * second)
    slow.addEventListener('abort', () => {
      socket.destroy()
    })
    socket.on('error', () => {
      resolve()
    })
    socket.on('close', () => {
      resolve()
    })
    socket.on('data', () => undefined)
    socket.end(request)
  })
}

/** `pg` keeps what the server sent as BackendKeyData, though its types do not tell. */
function cancelKey(client: pg.Client): { readonly processId: number; readonly secret: number } | undefined {
  if (!('processID' in client) || !('secretKey' in client)) return undefined
  const { processID: processId, secretKey: secret } = client
  return typeof processId === 'number' && typeof secret === 'number' ? { processId, secret } : undefined
}
