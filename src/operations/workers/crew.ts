/**
 * A crew of worker threads. One that fails makes the whole fail: the others are told to stop, clean up, and are ended if
 * they do not. Nothing is left running when `runCrew` returns or throws.
 */
import { Worker, type Transferable } from 'node:worker_threads'
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Progress } from '../../base/progress.ts'
import type { Rates } from '../../base/rates.ts'
import type { World } from '../../base/world.ts'
import { retryTeller, type Retrying } from '../../storage/retry-teller.ts'
import {
  decodeFailure,
  type FromWorker,
  type ToWorker,
  type WorkerData,
  type WorkerSetup,
} from './messages.ts'

/** What every operation with workers is given. */
export interface WorkerHost {
  readonly world: World
  readonly progress: Progress
  /** The entry of a worker thread: src/worker.ts, or what it was built into. */
  readonly worker: URL
  /** What the workers keep to as well; absent: they go as fast as they can. */
  readonly rates?: Rates | undefined
}

/** Messages that the crew does not handle itself. */
export type CrewMessage = Exclude<FromWorker, { kind: 'advanced' | 'retrying' | 'finished' | 'failed' }>

export interface Crew {
  readonly setups: readonly WorkerSetup[]
  /** May answer; a promise that rejects makes the crew fail. */
  readonly onMessage: (message: CrewMessage, reply: Reply) => void | Promise<void>
}

export type Reply = (answer: ToWorker, transfer?: readonly Transferable[]) => void

/** Returns when all workers have finished. Throws what the first one failed of, or the signal's reason. */
export async function runCrew(host: WorkerHost, crew: Crew, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const stop = new AbortController()
  const tellRetry = retryTeller(line => {
    host.progress.note(line)
  }, host.world.clock)
  const members = crew.setups.map(setup =>
    startMember(host, setup, {
      onMessage: crew.onMessage,
      tellRetry,
      fail: error => {
        stop.abort(error)
      },
    }),
  )
  const onStop = (): void => {
    members.forEach(member => {
      member.stop()
    })
  }
  const onAbort = (): void => {
    stop.abort(signal.reason)
  }
  stop.signal.addEventListener('abort', onStop)
  signal.addEventListener('abort', onAbort)
  try {
    await Promise.all(members.map(member => member.ended))
    stop.signal.throwIfAborted()
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

interface Member {
  /** Resolves when the thread is gone, or can not be waited for. Never rejects: failures go to `fail`. */
  readonly ended: Promise<undefined>
  stop(): void
}

interface MemberHooks extends Pick<Crew, 'onMessage'> {
  readonly tellRetry: (retrying: Retrying) => void
  readonly fail: (error: unknown) => void
}

function startMember(
  { world, progress, worker: entry, rates }: WorkerHost,
  setup: WorkerSetup,
  { onMessage, tellRetry, fail }: MemberHooks,
): Member {
  const worker = new Worker(entry, {
    workerData: { setup, rates: rates?.memory } satisfies WorkerData,
    resourceLimits: {
      maxOldGenerationSizeMb: limits.workerHeapMiBMax,
      maxYoungGenerationSizeMb: limits.workerYoungHeapMiBMax,
    },
  })
  const gone = new AbortController()
  let finished = false
  const post: Reply = (message, transfer = []) => {
    worker.postMessage(message, transfer)
  }
  worker.on('message', (message: FromWorker) => {
    switch (message.kind) {
      case 'advanced':
        progress.advance(message.bytes)
        break
      case 'retrying':
        tellRetry(message.retrying)
        break
      case 'finished':
        finished = true
        giveUpSoon()
        break
      case 'failed':
        fail(decodeFailure(message.failure))
        break
      default:
        Promise.resolve()
          .then(() => onMessage(message, post))
          .catch(fail)
    }
  })
  worker.on('error', error => {
    fail(workerDied(error))
  })
  const ended = Promise.withResolvers<undefined>()
  worker.on('exit', status => {
    gone.abort()
    if (!finished) fail(workerDied(new Error(`it ended with status ${String(status)}`)))
    ended.resolve(undefined)
  })
  // A thread that waits for a disk that is gone can be ended by nothing but the end of the process.
  const giveUpSoon = (): void => {
    world.clock.sleep(limits.workerEndMsMax, gone.signal).then(
      () => {
        ended.resolve(undefined)
      },
      () => undefined,
    )
  }
  const stop = (): void => {
    post({ kind: 'abort' })
    world.clock.sleep(limits.workerStopMsMax, gone.signal).then(
      () => {
        void worker.terminate()
        giveUpSoon()
      },
      () => undefined,
    )
  }
  return { ended: ended.promise, stop }
}

const workerDied = (error: unknown): Fault =>
  new Fault('FAILED', 'a worker thread broke off', {
    hint: 'Run the command again; if this happens again, report it with the text below.',
    cause: error,
  })
