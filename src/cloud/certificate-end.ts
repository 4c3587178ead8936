/** When the certificate ends that a server shows: one TLS handshake, over which nothing is sent. */
import { isIP } from 'node:net'
import { connect } from 'node:tls'
import { inTime } from '../base/in-time.ts'
import type { Clock } from '../base/world.ts'

/** Undefined where none was shown: nobody answers, or does not speak TLS. Whether it is trusted is not asked. */
export async function certificateEndMs(
  { protocol, hostname, port }: URL,
  { clock, msMax }: { readonly clock: Pick<Clock, 'sleep'>; readonly msMax: number },
  signal: AbortSignal,
): Promise<number | undefined> {
  if (protocol !== 'https:') return undefined
  signal.throwIfAborted()
  const host = hostname.replace(/^\[|\]$/g, '')
  // One that has expired is what is looked for, so it is no reason to hang up.
  const name = isIP(host) === 0 ? { servername: host } : {}
  const socket = connect({ host, port: port === '' ? 443 : Number(port), rejectUnauthorized: false, ...name })
  const stop = (): void => void socket.destroy(new Error('told to stop'))
  signal.addEventListener('abort', stop)
  const shown = new Promise<number | undefined>((resolve, reject) => {
    socket.once('secureConnect', () => {
      resolve(socket.getPeerX509Certificate()?.validToDate.getTime())
    })
    socket.on('error', reject)
    socket.once('close', () => {
      reject(new Error('it hung up'))
    })
  })
  try {
    return await inTime(shown, clock, msMax, () => new Error('no answer in time'))
  } catch {
    signal.throwIfAborted()
    return undefined
  } finally {
    signal.removeEventListener('abort', stop)
    socket.destroy()
  }
}
