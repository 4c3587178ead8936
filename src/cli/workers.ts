/** How many worker threads to use. */
import { availableParallelism } from 'node:os'
import { limits } from '../base/limits.ts'

export function workerCount(configured: number | 'auto'): number {
  return configured === 'auto' ? Math.min(availableParallelism(), limits.workersAutoMax) : configured
}
