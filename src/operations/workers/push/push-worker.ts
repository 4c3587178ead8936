/** A worker that pushes: one WAL file after the other, each to all repositories. A file that fails does not end it. */
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
  for (let task = await nextTask(); task; task = await nextTask()) {
    if (task.kind !== 'push') throw new Error('assertion failed: a pushing worker is told what to push')
    const outcome = await pushOne({ targets: opened.all, durableIn, world }, task, signal)
    post({ kind: 'pushed', path: task.path, outcome })
  }
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
