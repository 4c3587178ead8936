/** Connections to Amazon's services, and to others that speak their protocols: kept open, through a proxy if there is one. */
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { limits } from '../../base/limits.ts'
import type { CloudAccess, Proxies } from '../access.ts'

export interface Agents {
  readonly http: HttpAgent
  readonly https: HttpsAgent
}

export function agentsOf({ certificates, proxies }: Pick<CloudAccess, 'certificates' | 'proxies'>): Agents {
  // The pace bounds how many are in flight; a connection that was used last is the least likely to be closed by now.
  const connections = {
    keepAlive: true,
    maxFreeSockets: limits.objectRequestsMax,
    scheduling: 'lifo',
  } as const
  const options = { ...connections, ...(proxies === undefined ? {} : { proxyEnv: environmentOf(proxies) }) }
  return { http: new HttpAgent(options), https: new HttpsAgent({ ...options, ...trusting(certificates) }) }
}

/**
 * As a context that is made once. With `ca` in its place, Node parses all certificates for every connection, and makes
 * one long string of them several times a request, to find a connection that trusts the same.
 */
function trusting(certificates: string | undefined): { readonly secureContext?: SecureContext } {
  if (certificates === undefined) return {}
  return { secureContext: createSecureContext({ ca: [...getCACertificates('default'), certificates] }) }
}

/** What Node's agents read by themselves, but for this host: nobody else can carry requests to it. */
function environmentOf({ http, https, without }: Proxies): Record<string, string> {
  return {
    ...(http === undefined ? {} : { http_proxy: http }),
    ...(https === undefined ? {} : { https_proxy: https }),
    no_proxy: ['localhost', '127.0.0.1', '::1', ...(without === undefined ? [] : [without])].join(','),
  }
}

/** What every client of Amazon's SDK is told of its connections. */
export function requestHandlerFor(
  { http, https }: Agents,
  silenceMsMax: number = limits.objectSilenceMsMax,
): {
  readonly httpAgent: HttpAgent
  readonly httpsAgent: HttpsAgent
  readonly connectionTimeout: number
  readonly socketTimeout: number
} {
  return {
    httpAgent: http,
    httpsAgent: https,
    connectionTimeout: limits.objectConnectMsMax,
    socketTimeout: silenceMsMax,
  }
}

export function closeAgents({ http, https }: Agents): void {
  http.destroy()
  https.destroy()
}

const amazon = /\.amazonaws\.com(\.cn)?$/

/** Amazon's own servers keep every promise of their documentation; others are trusted less. */
export function isAmazonHost(hostname: string): boolean {
  return amazon.test(hostname)
}
