/** A worker that copies out: takes files from the queue until it is empty, and fills packs of its own. */
import { limits } from '../../../base/limits.ts'
import { createPageChecker } from '../../../pipeline/page-checksum.ts'
import { createPackPress } from '../../../repository/packs/pack-press.ts'
import { openMirror } from '../../../storage/mirror.ts'
import type { Storage } from '../../../storage/storage.ts'
import { withRates } from '../../../storage/with-rates.ts'
import { encodeFailure, type CopyOutSetup } from '../messages.ts'
import type { WorkerLine } from '../run-worker.ts'
import { takeWork } from '../work-queue.ts'
import { FileCopier } from './file-copier.ts'
import { PackSeries } from './pack-series.ts'
import { PageVerifier } from './page-verifier.ts'

export async function runCopyOut(setup: CopyOutSetup, line: WorkerLine, signal: AbortSignal): Promise<void> {
  const { world, post, poll } = line
  const storage = await openOutput(setup, line)
  const tools = createCopyTools(setup)
  const series = new PackSeries({
    storage,
    keyPrefix: setup.keyPrefix,
    press: tools.press,
    nextNumber: packNumbers(setup),
    onPack: pack => {
      post(
        { kind: 'packed', pack },
        pack.entries.map(piece => piece.buffer),
      )
    },
  })
  const copier = new FileCopier({
    dataDirectory: setup.dataDirectory,
    series,
    pages: setup.pages && new PageVerifier(tools.checker, setup.pages, world.clock),
    rates: line.rates,
    onProgress: bytes => {
      post({ kind: 'advanced', bytes })
    },
  })
  try {
    for (const entry of setup.firstEntries ?? []) await series.addEmpty(entry, signal)
    for (let work = takeWork(setup.queue); work; work = takeWork(setup.queue)) {
      // Small files are read without waiting, so a word to stop would not be heard otherwise.
      poll()
      signal.throwIfAborted()
      for (const name of work.names) {
        await copier.copy(work.directory === '' ? name : `${work.directory}/${name}`, signal)
      }
    }
    await series.finish()
    post({ kind: 'copied-out', report: copier.report() })
  } finally {
    await series.abort()
    tools.press.close()
  }
}

async function openOutput(
  { storage, mirror }: CopyOutSetup,
  { open, world, post, rates }: WorkerLine,
): Promise<Storage> {
  if (!mirror) return withRates(await open(storage), rates)
  const members = await openMirror(
    mirror.members.map(member => ({ name: member.name, open: () => open(member.storage) })),
    {
      clock: world.clock,
      flags: mirror.flags,
      onDropped: (member, fault) => {
        post({ kind: 'dropped', member, failure: encodeFailure(fault) })
      },
    },
  )
  return withRates(members, rates, () => members.wholeCount())
}

/** The worker with the first entries fills pack 1, so that unpacking the packs in order makes the directories first. */
function packNumbers({ packCounter, firstEntries }: CopyOutSetup): () => number {
  const counter = new Uint32Array(packCounter)
  let isFirst = firstEntries !== undefined
  return () => {
    const number = isFirst ? 1 : Atomics.add(counter, 0, 1) + 1
    isFirst = false
    return number
  }
}

/** A press whose raw buffers lie where the page checker sees them. */
export function createCopyTools({ encoding }: Pick<CopyOutSetup, 'encoding'>): {
  readonly press: ReturnType<typeof createPackPress>
  readonly checker: ReturnType<typeof createPageChecker>
} {
  const checker = createPageChecker({ count: 2, sizeBytes: limits.frameSizeBytesMax })
  const [first, second] = checker.buffers
  if (!first || !second) throw new Error('assertion failed: the checker gives as many buffers as asked for')
  return { checker, press: createPackPress(encoding, [first, second]) }
}
