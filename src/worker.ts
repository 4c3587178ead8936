/** The entry of a worker thread. */
import { parentPort, workerData } from 'node:worker_threads'
import { systemWorld } from './base/world.ts'
import type { WorkerSetup } from './operations/workers/messages.ts'
import { runWorker } from './operations/workers/run-worker.ts'
import { openStorage } from './storage/open.ts'

if (!parentPort) throw new Error('worker.ts is the entry of a worker thread, not a program')
// The main thread is ours: what it hands over is a setup.
await runWorker(workerData as WorkerSetup, parentPort, { world: systemWorld(), openStorage })
