/** A worker that pushes: WAL files, two of them under way, each to all repositories. A file that fails does not end it. */
import { openTargets } from '../../wal-push/target.ts'
import { pushToAll } from '../../wal-push/push-to-all.ts'
import { encodeFailure, type PushOutcome, type PushSetup } from '../messages.ts'
import type { WorkerLine } from '../run-worker.ts'

export async function runPush(
  { cluster, targets, durableIn }: PushSetup,
  { world, open, post, nextTask }: WorkerLine,
  signal: AbortSignal,
): Promise<void> {
  await using opened = openTargets(targets, { cluster, world, openStorage: open })
  // While one is on its way to the repositories, the next is read and compressed.
  let last: Promise<void> = Promise.resolve()
  for (let task = await nextTask(); task; task = await nextTask()) {
    if (task.kind !== 'push') throw new Error('assertion failed: a pushing worker is told what to push')
    const { path } = task
    const current = pushOne({ targets: opened.all, durableIn, world }, task, signal).then(outcome => {
      post({ kind: 'pushed', path, outcome })
    })
    // Waited for below; until then a failure of its own must not end the process.
    current.catch(() => undefined)
    await last
    last = current
  }
  await last
}

async function pushOne(
  deps: Parameters<typeof pushToAll>[0],
  task: Parameters<typeof pushToAll>[1],
  signal: AbortSignal,
): Promise<PushOutcome> {
  try {
    const { durable, lacking } = await pushToAll(deps, task, signal)
    return {
      durable,
      lacking: lacking.map(({ target, fault }) => ({ target, failure: fault && encodeFailure(fault) })),
    }
  } catch (error) {
    signal.throwIfAborted()
    return { failure: encodeFailure(error) }
  }
}
