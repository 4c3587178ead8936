/** Looks at the server every few seconds, by one connection that is opened when it is needed first. */
import type { StrainProbe } from '../agent/slow-down.ts'
import { limits } from '../base/limits.ts'
import type { Server } from '../postgres/connection.ts'
import type { WalMark } from '../postgres/strain.ts'
import type { CommandContext } from './context.ts'

export function openStrainProbe({
  connect,
  world: { clock },
}: Pick<CommandContext, 'connect' | 'world'>): StrainProbe {
  let server: Server | undefined
  let marks: WalMark[] = []
  const close = async (): Promise<void> => {
    const open = server
    server = undefined
    marks = []
    await open?.close()
  }
  return {
    async look(signal) {
      const startMs = clock.monotonicMs()
      try {
        const { serverStrain } = await import('../postgres/strain.ts')
        server ??= await connect(signal)
        return await serverStrain(server, clock, marks, limits.strainMsMax, signal)
      } catch (error) {
        signal.throwIfAborted()
        await close().catch(() => undefined)
        const tookMs = clock.monotonicMs() - startMs
        // No answer for so long is an answer; a server that is not there is none.
        if (tookMs >= limits.strainMsMax) return { latencyMs: tookMs, replicationLagMs: undefined }
        throw error
      }
    },
    close,
  }
}
