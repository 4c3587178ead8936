/** Copies a few files in on this very thread: a worker takes longer to start than they take to be written. */
import type { CopyInReport, CopyInSetup } from '../messages.ts'
import type { WorkerHost } from '../crew.ts'
import type { Storage } from '../../../storage/storage.ts'
import type { Trouble } from '../../sources/trouble.ts'
import { runCopyIn } from './copy-in-worker.ts'
import type { CopyInTask } from './tasks.ts'

export interface HereRequest {
  readonly setup: CopyInSetup
  /** Those of `setup.places`, in the same order: open, and keeping to the rates already. They stay open. */
  readonly storages: readonly Storage[]
  readonly tasks: AsyncIterator<CopyInTask, void, undefined>
  readonly onTrouble: (trouble: Trouble) => void
}

export async function copyHere(
  { world, progress }: Pick<WorkerHost, 'world' | 'progress'>,
  { setup, storages, tasks, onTrouble }: HereRequest,
  signal: AbortSignal,
): Promise<CopyInReport> {
  let report: CopyInReport | undefined
  await runCopyIn(
    setup,
    {
      world,
      open: description => {
        const storage = storages[setup.places.findIndex(place => place.storage === description)]
        if (!storage) throw new Error('assertion failed: what is to be opened is a place of the setup')
        return Promise.resolve(storage)
      },
      post: message => {
        if (message.kind === 'advanced') progress.advance(message.bytes)
        if (message.kind === 'passed-over') onTrouble(message.trouble)
        if (message.kind === 'copied-in') report = message.report
      },
      poll: () => undefined,
      async nextTask() {
        signal.throwIfAborted()
        const { done, value } = await tasks.next()
        return done === true ? undefined : { kind: 'copy-in', ...value }
      },
    },
    signal,
  )
  if (!report) throw new Error('assertion failed: copying in ends with a report')
  return report
}
