/** A crew that opens WAL files for a main thread that fetches and writes them: several are decoded at the same time. */
import { Fault } from '../../../base/fault.ts'
import type { OpenWal, StoredWal } from '../../../repository/wal-store.ts'
import type { WorkerHost } from '../crew.ts'
import { startJobCrew, type JobKind } from '../job-crew.ts'

export interface DecodeWalCrew extends AsyncDisposable {
  readonly open: OpenWal
  /** A file that nobody reads any more: a later one takes its memory, which is much to collect as garbage. */
  readonly recycle: (bytes: Uint8Array) => void
}

/** The workers start with the first file. */
export function openDecodeWalCrew(host: WorkerHost, workers: number, signal: AbortSignal): DecodeWalCrew {
  const rooms: ArrayBuffer[] = []
  const kind: JobKind<StoredWal, Uint8Array> = {
    setup: { job: 'decode-wal' },
    messageOf(number, file) {
      const given = rooms.splice(0, 1)
      return { message: { kind: 'decode-wal', number, file, room: given[0] }, transfer: given }
    },
    outcomeIn(message) {
      if (message.kind !== 'decoded-wal') return undefined
      const { number, outcome } = message
      return { number, outcome: 'failure' in outcome ? outcome : { result: outcome.bytes } }
    },
    ended: finished,
  }
  let crew: ReturnType<typeof startJobCrew<StoredWal, Uint8Array>> | undefined
  return {
    open: file => (crew ??= startJobCrew(host, kind, workers, signal)).run(file),
    recycle({ buffer }) {
      if (buffer instanceof ArrayBuffer && rooms.length < workers) rooms.push(buffer)
    },
    async [Symbol.asyncDispose]() {
      // What the workers failed of was told to whoever waited for a file.
      await crew?.finish().catch(() => undefined)
    },
  }
}

const finished = (): Fault =>
  new Fault('INTERRUPTED', 'no more WAL is opened', { hint: 'Nothing: it starts again.' })
