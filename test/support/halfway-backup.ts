/** A backup that is held still in the middle of its copying, so that something can be done to what it works on. */
import { describeRun, type Run, type Running } from './holdfast.ts'
import { stagedFiles } from './repository-files.ts'
import type { Lab } from './repository-lab.ts'
import { until } from './until.ts'

export interface SlowBackup {
  /** zstd's; 19 takes many seconds, for a backup that is to be cut off. One that is to go on to its end may take less. */
  readonly level?: number | undefined
  /** Changes to the lab's configuration. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
}

/**
 * Starts a backup that compresses hard, on one thread, and resolves when data is being written: it has begun on the
 * server, and is not done.
 */
export async function startCopying(lab: Lab, { level = 19, config }: SlowBackup = {}): Promise<Running> {
  const path = lab.writeConfig('slow.yaml', { compression: { level }, workers: 1, ...config })
  const running = lab.start(['--config', path, 'backup', '--json'])
  const seen = until(
    'data is being copied',
    () =>
      stagedFiles(lab.repositoryDirectory, running.child.pid).some(
        ({ sizeBytes }) => sizeBytes >= 128 * 1024,
      ),
    { everyMs: 2 },
  )
  const ended = running.ended.then(run => {
    throw new Error(`it ended before it was seen to copy: ${describeRun(run)}`)
  })
  await Promise.race([seen, ended])
  return running
}

/** Stops a slow backup in the middle, does `work`, and lets it go on to its end. */
export async function whileCopying(lab: Lab, work: () => Promise<void>, how: SlowBackup = {}): Promise<Run> {
  const running = await startCopying(lab, how)
  running.kill('SIGSTOP')
  try {
    await work()
  } finally {
    running.kill('SIGCONT')
  }
  return running.ended
}
