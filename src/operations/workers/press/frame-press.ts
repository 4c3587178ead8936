/**
 * Compresses frames of several streams in worker threads. The number of slots bounds the memory: who wants to put in more
 * waits until one is given back.
 */
import { assert } from '../../../base/assert.ts'
import { limits } from '../../../base/limits.ts'
import { frameSizeBytesBound } from '../../../pipeline/zstd.ts'
import { runCrew, type WorkerHost } from '../crew.ts'
import type { PressSetup, ToWorker } from '../messages.ts'
import { slotViews } from './press-worker.ts'

export interface PressSlot {
  readonly index: number
  /** Of a frame's size, to be filled. */
  readonly raw: Uint8Array
}

export interface FramePress extends AsyncDisposable {
  rent(): Promise<PressSlot>
  /** Compresses the first bytes of the slot. What is given back lies in the slot, too. */
  press(slot: PressSlot, rawBytes: number): Promise<Uint8Array>
  giveBack(slot: PressSlot): void
}

export interface PressOptions {
  readonly level: number
  readonly contentChecksum: boolean
  readonly workers: number
  /** How many streams may be open at once: each may hold a slot that is not full yet. */
  readonly streams: number
}

export function openFramePress(host: WorkerHost, options: PressOptions, signal: AbortSignal): FramePress {
  const { level, contentChecksum, workers, streams } = options
  const slotSizeBytes = limits.frameSizeBytesMax + frameSizeBytesBound(limits.frameSizeBytesMax)
  const memories = Array.from(
    { length: 2 * workers + streams + 1 },
    () => new SharedArrayBuffer(slotSizeBytes),
  )
  const views = memories.map(slotViews)
  const free: PressSlot[] = views.map(({ raw }, index) => ({ index, raw }))
  const renters: PromiseWithResolvers<PressSlot>[] = []
  const tasks: Extract<ToWorker, { kind: 'press' }>[] = []
  const idle: ((answer: ToWorker) => void)[] = []
  const results = new Map<number, PromiseWithResolvers<Uint8Array>>()
  const stop = new AbortController()
  let ending = false

  const handOut = (): void => {
    while (idle.length > 0 && (tasks.length > 0 || ending))
      idle.shift()?.(tasks.shift() ?? { kind: 'finish' })
  }
  const failAll = (error: unknown): void => {
    stop.abort(error)
    for (const waiting of [...renters.splice(0), ...results.values()]) waiting.reject(error)
    results.clear()
  }
  const setup: PressSetup = { job: 'press', level, contentChecksum, slots: memories }
  const crew = runCrew(
    host,
    {
      setups: Array.from({ length: workers }, () => setup),
      onMessage: (message, reply) => {
        if (message.kind === 'idle') idle.push(reply)
        else if (message.kind === 'pressed') {
          results.get(message.slot)?.resolve(resultOf(views, message.slot, message.storedBytes))
          results.delete(message.slot)
        }
        handOut()
      },
    },
    AbortSignal.any([signal, stop.signal]),
  ).catch(failAll)

  return {
    rent() {
      if (stop.signal.aborted) return Promise.reject(reasonOf(stop.signal))
      const slot = free.pop()
      if (slot) return Promise.resolve(slot)
      const waiting = Promise.withResolvers<PressSlot>()
      renters.push(waiting)
      return waiting.promise
    },
    press({ index }, rawBytes) {
      if (stop.signal.aborted) return Promise.reject(reasonOf(stop.signal))
      const result = Promise.withResolvers<Uint8Array>()
      results.set(index, result)
      tasks.push({ kind: 'press', slot: index, rawBytes })
      handOut()
      return result.promise
    },
    giveBack(slot) {
      const waiting = renters.shift()
      if (waiting) waiting.resolve(slot)
      else free.push(slot)
    },
    async [Symbol.asyncDispose]() {
      if (results.size > 0) failAll(new Error('the press was closed'))
      ending = true
      handOut()
      await crew
    },
  }
}

function resultOf(
  views: readonly ReturnType<typeof slotViews>[],
  slot: number,
  storedBytes: number,
): Uint8Array {
  const view = views[slot]
  assert(view !== undefined, 'a slot is one of those that were given')
  return view.stored.subarray(0, storedBytes)
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason))
}
