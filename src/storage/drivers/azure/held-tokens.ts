/**
 * Tokens that are kept until they end soon. Azure's client asks ahead for the next one in the background; when that fails
 * nobody hears it, and an unheard failure ends the process in the midst of its work. So it is given each token as one that ends
 * at once: it asks here for every request, and waits for the answer.
 */
import type { TokenCredential } from '@azure/identity'
import { limits } from '../../../base/limits.ts'
import type { Clock } from '../../../base/world.ts'

type Token = NonNullable<Awaited<ReturnType<TokenCredential['getToken']>>>
type Wanted = Parameters<TokenCredential['getToken']>

interface Held {
  readonly token: Token
  /** Who gives them gives the same one for a while, or can not be reached: not asked again before. */
  readonly askAgainMs: number
}

export class HeldTokens implements TokenCredential {
  readonly #credential: TokenCredential
  readonly #clock: Pick<Clock, 'now'>
  readonly #held = new Map<string, Held>()
  readonly #asking = new Map<string, Promise<Token | null>>()

  constructor(credential: TokenCredential, clock: Pick<Clock, 'now'>) {
    this.#credential = credential
    this.#clock = clock
  }

  async getToken(scopes: Wanted[0], options?: Wanted[1]): Promise<Token | null> {
    const key = JSON.stringify([scopes, options?.tenantId, options?.claims])
    const nowMs = this.#clock.now()
    const held = this.#held.get(key)
    const isFresh = held && lastsAt(held.token, nowMs + limits.azureTokenAheadMs)
    const isSpared = held && nowMs < held.askAgainMs && lastsAt(held.token, nowMs)
    const token = isFresh || isSpared ? held.token : await this.#ask(key, [scopes, options])
    return token && { token: token.token, expiresOnTimestamp: 0 }
  }

  /** Whoever asks while somebody does waits for the same answer. */
  #ask(key: string, wanted: Wanted): Promise<Token | null> {
    const underWay = this.#asking.get(key)
    if (underWay) return underWay
    const asking = this.#askOrKeep(key, wanted).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asking)
    return asking
  }

  async #askOrKeep(key: string, wanted: Wanted): Promise<Token | null> {
    const held = this.#held.get(key)
    const keep = (token: Token): void => {
      this.#held.set(key, { token, askAgainMs: this.#clock.now() + limits.azureTokenPauseMs })
    }
    try {
      const token = await this.#credential.getToken(...wanted)
      if (token) keep(token)
      return token
    } catch (error) {
      if (!held || !lastsAt(held.token, this.#clock.now())) throw error
      // It is good for a while yet.
      keep(held.token)
      return held.token
    }
  }
}

/** Long enough for the request that it is asked for to arrive. */
const lastsAt = ({ expiresOnTimestamp }: Token, atMs: number): boolean =>
  expiresOnTimestamp - limits.azureTokenLeftMsMin >= atMs
