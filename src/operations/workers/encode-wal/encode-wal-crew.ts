/** A crew that encodes WAL files for a main thread that has them stored: what is compressed never waits for the network. */
import { Fault } from '../../../base/fault.ts'
import { KiB } from '../../../base/units.ts'
import type { EncodedWal } from '../../../repository/wal-store.ts'
import { roomsOf, type EncodeWal, type WalToEncode } from '../../wal-push/encode-wal.ts'
import type { WorkerHost } from '../crew.ts'
import { startJobCrew, type JobKind } from '../job-crew.ts'

export interface EncodeWalCrew {
  readonly encode: EncodeWal
  /** What was encoded and is read by nobody any more: later files take its memory, which is much to collect as garbage. */
  readonly recycle: (encoded: readonly EncodedWal[]) => void
  /** Lets the workers go; returns when they are gone. Throws what they failed of. */
  finish(): Promise<void>
}

export function startEncodeWalCrew(host: WorkerHost, workers: number, signal: AbortSignal): EncodeWalCrew {
  const rooms: ArrayBuffer[] = []
  const kind: JobKind<WalToEncode, readonly EncodedWal[]> = {
    setup: { job: 'encode-wal' },
    messageOf(number, file) {
      // As many as it will fill: none of the workers is to hoard them.
      const given = rooms.splice(0, file.encodings.length)
      return { message: { kind: 'encode-wal', number, file, rooms: given }, transfer: given }
    },
    outcomeIn(message) {
      if (message.kind !== 'encoded-wal') return undefined
      const { number, outcome } = message
      return { number, outcome: 'failure' in outcome ? outcome : { result: outcome.encoded } }
    },
    ended: finished,
  }
  const crew = startJobCrew(host, kind, workers, signal)
  return {
    encode: file => crew.run(file),
    recycle(encoded) {
      // A note in the clear has one of its own, in which nothing else would fit.
      rooms.push(...roomsOf(encoded).filter(({ byteLength }) => byteLength >= 64 * KiB))
    },
    finish: () => crew.finish(),
  }
}

const finished = (): Fault =>
  new Fault('INTERRUPTED', 'no more WAL is encoded', { hint: 'Nothing: it starts again.' })
