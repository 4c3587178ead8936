/** The entry of a worker thread. */
import { parentPort, workerData } from 'node:worker_threads'
import { openRates } from './base/rates.ts'
import { systemWorld } from './base/world.ts'
import type { WorkerData } from './operations/workers/messages.ts'
import { runWorker } from './operations/workers/run-worker.ts'
import { openStorage } from './storage/open.ts'

if (!parentPort) throw new Error('worker.ts is the entry of a worker thread, not a program')
// The main thread is ours: what it hands over is a setup.
const { setup, rates } = workerData as WorkerData
const world = systemWorld()
await runWorker(setup, parentPort, { world, openStorage, rates: rates && openRates(world.clock, rates) })
