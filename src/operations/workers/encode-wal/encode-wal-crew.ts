/** A crew that encodes WAL files for a main thread that has them stored: what is compressed never waits for the network. */
import { Fault } from '../../../base/fault.ts'
import { KiB } from '../../../base/units.ts'
import type { EncodedWal } from '../../../repository/wal-store.ts'
import { roomsOf, type EncodeWal, type WalToEncode } from '../../wal-push/encode-wal.ts'
import { runCrew, type CrewMessage, type Reply, type WorkerHost } from '../crew.ts'
import { decodeFailure } from '../messages.ts'

export interface EncodeWalCrew {
  readonly encode: EncodeWal
  /** What was encoded and is read by nobody any more: later files take its memory, which is much to collect as garbage. */
  readonly recycle: (encoded: readonly EncodedWal[]) => void
  /** Lets the workers go; returns when they are gone. Throws what they failed of. */
  finish(): Promise<void>
}

interface Job {
  readonly number: number
  readonly file: WalToEncode
  readonly result: PromiseWithResolvers<readonly EncodedWal[]>
}

export function startEncodeWalCrew(host: WorkerHost, workers: number, signal: AbortSignal): EncodeWalCrew {
  const waiting: Job[] = []
  const underWay = new Map<number, Job>()
  const idle: Reply[] = []
  const rooms: ArrayBuffer[] = []
  let count = 0
  let ended: Error | undefined

  const handOut = (): void => {
    while (idle.length > 0 && waiting.length > 0) {
      const job = waiting.shift()
      const reply = idle.shift()
      if (!job || !reply) return
      underWay.set(job.number, job)
      const { number, file } = job
      // As many as it will fill: none of the workers is to hoard them.
      const given = rooms.splice(0, file.encodings.length)
      reply({ kind: 'encode-wal', number, file, rooms: given }, given)
    }
    if (ended !== undefined) for (const reply of idle.splice(0)) reply({ kind: 'finish' })
  }
  const onMessage = (message: CrewMessage, reply: Reply): void => {
    if (message.kind === 'idle') idle.push(reply)
    if (message.kind === 'encoded-wal') settle(message)
    handOut()
  }
  const settle = ({ number, outcome }: Extract<CrewMessage, { kind: 'encoded-wal' }>): void => {
    const job = underWay.get(number)
    underWay.delete(number)
    if ('failure' in outcome) job?.result.reject(decodeFailure(outcome.failure))
    else job?.result.resolve(outcome.encoded)
  }
  const endAll = (reason: Error): void => {
    ended ??= reason
    for (const { result } of [...waiting.splice(0), ...underWay.values()]) result.reject(ended)
    underWay.clear()
  }

  const setups = Array.from({ length: workers }, () => ({ job: 'encode-wal' }) as const)
  const crew = runCrew(host, { setups, onMessage }, signal)
  // Told by `finish`; what waits for a worker must not wait for ever.
  crew.catch((error: unknown) => {
    endAll(error instanceof Error ? error : finished())
  })

  return {
    encode(file) {
      if (ended !== undefined) return Promise.reject(ended)
      const job = { number: ++count, file, result: Promise.withResolvers<readonly EncodedWal[]>() }
      waiting.push(job)
      handOut()
      return job.result.promise
    },
    recycle(encoded) {
      // A note in the clear has one of its own, in which nothing else would fit.
      rooms.push(...roomsOf(encoded).filter(({ byteLength }) => byteLength >= 64 * KiB))
    },
    async finish() {
      endAll(finished())
      handOut()
      await crew
    },
  }
}

const finished = (): Fault =>
  new Fault('INTERRUPTED', 'no more WAL is encoded', { hint: 'Nothing: it starts again.' })
