/** What runs inside a worker thread: the job that its setup names, and the end of it, good or bad. */
import { receiveMessageOnPort, type MessagePort, type Transferable } from 'node:worker_threads'
import { Fault } from '../../base/fault.ts'
import { unreachable } from '../../base/assert.ts'
import type { Rates } from '../../base/rates.ts'
import type { World } from '../../base/world.ts'
import type { OpenStorage, StorageDescription } from '../../storage/open.ts'
import type { Storage } from '../../storage/storage.ts'
import { withRates } from '../../storage/with-rates.ts'
import { encodeFailure, type FromWorker, type ToWorker, type WorkerSetup } from './messages.ts'

/** What a job is given: the world, its own storage, and the line to the main thread. */
export interface WorkerPort extends WorkerLine {
  readonly storage: Storage
}

export interface WorkerLine {
  readonly world: World
  /** What the job keeps to: its storages, too, which it wraps itself. */
  readonly rates?: Rates | undefined
  /** Opens a storage that is closed when the job ends. */
  readonly open: (description: StorageDescription) => Promise<Storage>
  readonly post: (message: FromWorker, transfer?: readonly Transferable[]) => void
  /** Takes messages that have come meanwhile, without giving other work its turn: for jobs that never wait. */
  readonly poll: () => void
  /** The next task; undefined when there are no more. Says that the worker is idle. */
  readonly nextTask: () => Promise<Task | undefined>
}

export type Task = Exclude<ToWorker, { kind: 'finish' | 'abort' }>

export interface WorkerSurroundings {
  readonly world: World
  readonly openStorage: OpenStorage
  readonly rates: Rates | undefined
}

export async function runWorker(
  setup: WorkerSetup,
  port: MessagePort,
  { world, openStorage, rates }: WorkerSurroundings,
): Promise<void> {
  const abort = new AbortController()
  const inbox = new Inbox(port, abort)
  try {
    await using resources = new AsyncDisposableStack()
    const line: WorkerLine = {
      world,
      rates,
      async open(description) {
        const storage = await openStorage(description, world, retrying => {
          port.postMessage({ kind: 'retrying', retrying } satisfies FromWorker)
        })
        resources.defer(() => storage.close())
        return storage
      },
      post: (message, transfer = []) => {
        port.postMessage(message, transfer)
      },
      poll: () => inbox.poll(),
      nextTask: () => inbox.nextTask(),
    }
    await runJob(setup, line, abort.signal)
    await resources.disposeAsync()
    port.postMessage({ kind: 'finished' } satisfies FromWorker)
  } catch (error) {
    port.postMessage({ kind: 'failed', failure: encodeFailure(error) } satisfies FromWorker)
  } finally {
    port.close()
  }
}

/** Loads what the job needs, and no more: there is a worker for each processor. */
async function runJob(setup: WorkerSetup, line: WorkerLine, signal: AbortSignal): Promise<void> {
  switch (setup.job) {
    case 'copy-out': {
      const { runCopyOut } = await import('./copy-out/copy-out-worker.ts')
      return runCopyOut(setup, line, signal)
    }
    case 'copy-in': {
      const { runCopyIn } = await import('./copy-in/copy-in-worker.ts')
      return runCopyIn(setup, line, signal)
    }
    case 'check': {
      const { runCheck } = await import('./check/check-worker.ts')
      const storage = withRates(await line.open(setup.storage), line.rates)
      return runCheck(setup, { ...line, storage }, signal)
    }
    case 'encode-wal': {
      const { runEncodeWal } = await import('./encode-wal/encode-wal-worker.ts')
      return runEncodeWal(line, signal)
    }
    case 'decode-wal': {
      const { runDecodeWal } = await import('./decode-wal/decode-wal-worker.ts')
      return runDecodeWal(line, signal)
    }
    case 'press': {
      const { runPress } = await import('./press/press-worker.ts')
      return runPress(setup, line)
    }
    default:
      return unreachable(setup)
  }
}

/** Holds at most one task that nobody has asked for yet. */
class Inbox {
  readonly #port: MessagePort
  readonly #abort: AbortController
  #arrived: PromiseWithResolvers<Task | undefined> | undefined

  constructor(port: MessagePort, abort: AbortController) {
    this.#port = port
    this.#abort = abort
    port.on('message', (message: ToWorker) => {
      this.#receive(message)
    })
  }

  nextTask(): Promise<Task | undefined> {
    this.#abort.signal.throwIfAborted()
    this.#arrived = Promise.withResolvers()
    this.#port.postMessage({ kind: 'idle' } satisfies FromWorker)
    return this.#arrived.promise
  }

  poll(): void {
    for (let got = receiveMessageOnPort(this.#port); got; got = receiveMessageOnPort(this.#port)) {
      // The main thread sends nothing else.
      this.#receive(got.message as ToWorker)
    }
  }

  #receive(message: ToWorker): void {
    if (message.kind === 'abort') {
      const stopped = new Fault('INTERRUPTED', 'the work was stopped', { hint: 'Run the command again.' })
      this.#abort.abort(stopped)
      this.#arrived?.reject(stopped)
      return
    }
    this.#arrived?.resolve(message.kind === 'finish' ? undefined : message)
    this.#arrived = undefined
  }
}
