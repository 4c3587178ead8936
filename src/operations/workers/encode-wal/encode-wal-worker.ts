/** A worker that reads, checks, compresses and seals WAL files. A file that fails does not end it. */
import { createWalEncoder, roomsOf, type EncodeWal, type WalToEncode } from '../../wal-push/encode-wal.ts'
import { encodeFailure, type EncodeOutcome } from '../messages.ts'
import type { WorkerLine } from '../run-worker.ts'

export async function runEncodeWal({ post, nextTask }: WorkerLine, signal: AbortSignal): Promise<void> {
  using encoder = createWalEncoder()
  for (let task = await nextTask(); task; task = await nextTask()) {
    if (task.kind !== 'encode-wal')
      throw new Error('assertion failed: an encoding worker is told what to encode')
    for (const room of task.rooms) encoder.reuse(room)
    const outcome = await encode(encoder.encode, task.file, signal)
    post({ kind: 'encoded-wal', number: task.number, outcome }, buffersOf(outcome))
  }
}

async function encode(encodeWal: EncodeWal, file: WalToEncode, signal: AbortSignal): Promise<EncodeOutcome> {
  try {
    return { encoded: await encodeWal(file, signal) }
  } catch (error) {
    signal.throwIfAborted()
    return { failure: encodeFailure(error) }
  }
}

/** They go to the main thread as they are, without being copied. */
function buffersOf(outcome: EncodeOutcome): readonly ArrayBuffer[] {
  return 'failure' in outcome ? [] : roomsOf(outcome.encoded)
}
