/** A worker that compresses frames: the raw bytes and the result lie in memory that it shares with the main thread. */
import { limits } from '../../../base/limits.ts'
import { createFrameCompressor } from '../../../pipeline/zstd.ts'
import type { PressSetup } from '../messages.ts'
import type { WorkerLine } from '../run-worker.ts'

export async function runPress(setup: PressSetup, { post, nextTask }: WorkerLine): Promise<void> {
  const compressor = createFrameCompressor(setup)
  const slots = setup.slots.map(slotViews)
  try {
    for (let task = await nextTask(); task; task = await nextTask()) {
      if (task.kind !== 'press') throw new Error('assertion failed: a press is told what to compress')
      const { slot, rawBytes } = task
      const views = slots[slot]
      if (!views) throw new Error('assertion failed: a slot is one of those that were given')
      post({
        kind: 'pressed',
        slot,
        storedBytes: compressor.compress(views.raw.subarray(0, rawBytes), views.stored),
      })
    }
  } finally {
    compressor.close()
  }
}

/** One memory for both: a frame's raw bytes first, then what it becomes. */
export function slotViews(memory: SharedArrayBuffer): {
  readonly raw: Uint8Array
  readonly stored: Uint8Array
} {
  return {
    raw: new Uint8Array(memory, 0, limits.frameSizeBytesMax),
    stored: new Uint8Array(memory, limits.frameSizeBytesMax),
  }
}
