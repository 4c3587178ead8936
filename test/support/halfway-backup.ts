/** A backup that is held still in the middle of its copying, so that something can be done to what it works on. */
import { describeRun, type Run, type Running } from './holdfast.ts'
import { stagedFiles } from './repository-files.ts'
import type { Lab } from './repository-lab.ts'
import { until } from './until.ts'

/**
 * Starts a slow backup, and resolves when data is being written: it has begun on the server, and is not done.
 *
 * It is slow since it compresses hard, on one thread. Level 19 takes many seconds, for a backup that is to be cut off;
 * one that is to go on to its end may take a lower one.
 */
export async function startCopying(lab: Lab, level = 19): Promise<Running> {
  const config = lab.writeConfig('slow.yaml', { compression: { level }, workers: 1 })
  const running = lab.start(['--config', config, 'backup', '--json'])
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
export async function whileCopying(lab: Lab, work: () => Promise<void>, level?: number): Promise<Run> {
  const running = await startCopying(lab, level)
  running.kill('SIGSTOP')
  try {
    await work()
  } finally {
    running.kill('SIGCONT')
  }
  return running.ended
}
