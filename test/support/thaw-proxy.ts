/**
 * A way to an S3 server on which thawing takes time, as it does in the cloud: after it was asked for, an object is said to
 * be on its way for a number of looks, and can not be read meanwhile. It also forwards everything else as it is.
 */
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'

export interface ThawProxy extends AsyncDisposable {
  readonly url: string
  /** From now on so many looks at each object say that it is on its way; then it is as the server says. */
  thawIn(looks: number): void
  /** Of requests for a thaw, by the path of the object. */
  readonly asked: string[]
}

export async function openThawProxy(target: string): Promise<ThawProxy> {
  const { hostname, port } = new URL(target)
  const looks = new Map<string, number>()
  let looksUntilThawed = 0
  const forward = (message: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url = '', headers } = message
    const path = url.split('?', 1)[0] ?? ''
    if (method === 'POST' && /[?&]restore/.test(url)) proxy.asked.push(path)
    const isOnItsWay = proxy.asked.includes(path) && (looks.get(path) ?? 0) < looksUntilThawed
    if (isOnItsWay && method === 'GET') {
      message.resume()
      response.writeHead(403, { 'content-type': 'application/xml' })
      response.end('<Error><Code>InvalidObjectState</Code><Message>it is being thawed</Message></Error>')
      return
    }
    const onward = request({ hostname, port, method, path: url, headers }, answer => {
      const given = { ...answer.headers }
      if (isOnItsWay && method === 'HEAD' && given['x-amz-restore'] !== undefined) {
        looks.set(path, (looks.get(path) ?? 0) + 1)
        given['x-amz-restore'] = 'ongoing-request="true"'
      }
      response.writeHead(answer.statusCode ?? 502, given)
      pipeline(answer, response, () => undefined)
    })
    onward.on('error', () => response.destroy())
    pipeline(message, onward, () => undefined)
  }
  const server = createServer(forward)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const proxy: ThawProxy = {
    url: `http://127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}`,
    thawIn(given) {
      looks.clear()
      looksUntilThawed = given
    },
    asked: [],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
  return proxy
}
