/** A dead man's switch over HTTP, as healthchecks.io, Uptime Kuma and their like offer: a URL to be called while all is well. */
import type { SecretSource } from '../config/secret-source.ts'
import { callHttp } from './http.ts'
import type { Ping, SinkDeps } from './sink.ts'

export interface PingOptions {
  readonly url: SecretSource
  readonly every: number
  readonly while: 'alive' | 'well'
}

export function pingOf(name: string, { url, every, ...options }: PingOptions, deps: SinkDeps): Ping {
  return {
    name,
    everyMs: every,
    onlyWhenWell: options.while === 'well',
    async ping(signal) {
      const address = (await deps.reveal(url, 'ping.url', signal)).reveal()
      await callHttp({ who: `ping "${name}"`, url: address, method: 'GET' }, deps.clock, signal)
    },
  }
}
