/** Which WAL is in a repository, for a wait that may take long and a backup that may need thousands of segments. */
import { walKey, walNameOf, walPrefix } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'

export interface WalPresence {
  has(segment: string, signal: AbortSignal): Promise<boolean>
}

/** One request lists what comes after the segment that is asked for, too: the next questions need none. */
export function openWalPresence({ storage, identity }: Repository): WalPresence {
  const known = new Set<string>()
  const look = async (segment: string, signal: AbortSignal): Promise<void> => {
    const prefix = `${walPrefix(identity.cluster)}${segment.slice(0, 8)}/`
    // Without its suffix the key comes before both forms of the object.
    const after = walKey(identity.cluster, segment, '')
    let seen = 0
    for await (const { key } of storage.list({ prefix, after }, signal)) {
      const name = walNameOf(identity.cluster, key)
      if (name !== undefined) known.add(name)
      if (++seen >= listedMax) return
    }
  }
  return {
    async has(segment, signal) {
      if (!known.has(segment)) await look(segment, signal)
      return known.delete(segment)
    },
  }
}

/** As many as object storage tells in one answer. */
const listedMax = 1000
