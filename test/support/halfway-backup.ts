/** A backup that is held still in the middle of its copying, so that something can be done to what it works on. */
import { describeRun, type Run, type Running } from './holdfast.ts'
import { stagedFiles } from './repository-files.ts'
import type { Lab } from './repository-lab.ts'
import { until } from './until.ts'

/** Compresses so hard, on one thread, that copying takes seconds: there is a middle to be found. */
export function slowConfig(lab: Lab): string {
  return lab.writeConfig('slow.yaml', { compression: { level: 19 }, workers: 1 })
}

/** Starts a slow backup, and resolves when data is being written: it has begun on the server, and is not done. */
export async function startCopying(lab: Lab): Promise<Running> {
  const running = lab.start(['--config', slowConfig(lab), 'backup', '--json'])
  const seen = until(
    'data is being copied',
    () => stagedFiles(lab.repositoryDirectory).some(({ sizeBytes }) => sizeBytes >= 128 * 1024),
    { everyMs: 2 },
  )
  const ended = running.ended.then(run => {
    throw new Error(`it ended before it was seen to copy: ${describeRun(run)}`)
  })
  await Promise.race([seen, ended])
  return running
}

/** Stops a slow backup in the middle, does `work`, and lets it go on to its end. */
export async function whileCopying(lab: Lab, work: () => Promise<void>): Promise<Run> {
  const running = await startCopying(lab)
  running.kill('SIGSTOP')
  try {
    await work()
  } finally {
    running.kill('SIGCONT')
  }
  return running.ended
}
