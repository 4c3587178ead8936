/** A worker that opens, decompresses and checks WAL files. A file that fails does not end it. */
import { openStoredWal } from '../../../repository/wal-store.ts'
import { encodeFailure, type DecodeOutcome, type DecodeWalTask } from '../messages.ts'
import type { WorkerLine } from '../run-worker.ts'

export async function runDecodeWal({ post, nextTask }: WorkerLine, signal: AbortSignal): Promise<void> {
  for (let task = await nextTask(); task; task = await nextTask()) {
    if (task.kind !== 'decode-wal')
      throw new Error('assertion failed: a decoding worker is told what to decode')
    const outcome = await decode(task, signal)
    const transfer = 'failure' in outcome ? [] : [outcome.bytes.buffer]
    post({ kind: 'decoded-wal', number: task.number, outcome }, transfer)
  }
}

async function decode({ file, room }: DecodeWalTask, signal: AbortSignal): Promise<DecodeOutcome> {
  try {
    return { bytes: await openStoredWal(file, room) }
  } catch (error) {
    signal.throwIfAborted()
    return { failure: encodeFailure(error) }
  }
}
