/** Files of one pack, asked for in one repository. Reading begins at once, ahead of whoever writes the files. */
import { Fault } from '../../../base/fault.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import type { RawFrame } from '../../../repository/packs/frame-stream.ts'
import type { PackReader } from '../../../repository/packs/pack-reader.ts'
import { corruptPack } from '../../../repository/packs/corrupt-pack.ts'
import type { PackCopies } from '../messages.ts'
import { frameRuns, type FrameRun } from './file-parts.ts'
import type { Places } from './places.ts'

export interface Attempt {
  readonly place: number
  /** In the order of the files. Rejects when the pack can not be opened. */
  readonly runs: Promise<readonly OpenRun[]>
  /** Gives up what has not been read. */
  close(): void
}

export interface OpenRun extends FrameRun {
  readonly frames: AsyncIterable<RawFrame>
}

/** Frames between two wanted files that are read rather than skipped by another request. */
const gapFramesMax = 4

/** The files are in the order of their offsets, none of them empty. */
export function attempt(
  places: Places,
  { pack, place, files }: { pack: PackCopies; place: number; files: readonly ManifestFile[] },
  signal: AbortSignal,
): Attempt {
  const stop = new AbortController()
  const runs = openRuns()
  // Whoever awaits it is told.
  runs.catch(() => undefined)
  return {
    place,
    runs,
    close: () => {
      stop.abort(new Fault('INTERRUPTED', 'it is no longer wanted', { hint: 'Nothing is to be done.' }))
    },
  }

  async function openRuns(): Promise<readonly OpenRun[]> {
    const both = AbortSignal.any([signal, stop.signal])
    const reader = await places.reader(pack, place, signal)
    checkOffsets(files, reader)
    return frameRuns(files, reader.index, gapFramesMax).map(run => ({
      ...run,
      frames: reader.frames(run.first, run.last, both),
    }))
  }
}

function checkOffsets(files: readonly ManifestFile[], { index }: PackReader): void {
  let endBytes = 0
  for (const { path, offsetBytes, sizeBytes } of files) {
    if (offsetBytes < endBytes) throw corruptPack(`the manifest places ${path} over another file`)
    endBytes = offsetBytes + sizeBytes
    if (endBytes > index.rawBytes) throw corruptPack(`the manifest places ${path} behind the end of the pack`)
  }
}
