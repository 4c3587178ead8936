/** Which parts of which files lie in a frame: arithmetic over a manifest's offsets. */
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import type { FrameIndex } from '../../../repository/packs/frame-index.ts'

/** Frames that are fetched by one request, and the files that lie in them, in the order of their offsets. */
export interface FrameRun {
  readonly first: number
  readonly last: number
  readonly files: readonly ManifestFile[]
}

/**
 * Groups files (all of one pack, in the order of their offsets, none empty) into runs of frames. Where few frames lie
 * between two files, reading on is cheaper than another request.
 */
export function frameRuns(
  files: readonly ManifestFile[],
  index: FrameIndex,
  gapFramesMax: number,
): readonly FrameRun[] {
  const runs: { first: number; last: number; files: ManifestFile[] }[] = []
  for (const file of files) {
    const first = index.frameAt(file.offsetBytes)
    const last = index.frameAt(file.offsetBytes + file.sizeBytes - 1)
    const run = runs[runs.length - 1]
    if (run && first <= run.last + 1 + gapFramesMax) {
      run.last = Math.max(run.last, last)
      run.files.push(file)
    } else {
      runs.push({ first, last, files: [file] })
    }
  }
  return runs
}

export interface FilePart {
  readonly file: ManifestFile
  readonly bytes: Uint8Array
  /** Where the bytes belong in the file. */
  readonly atBytes: number
  readonly isLast: boolean
}

/** Hands out the parts of files as their frames come by, in order. */
export class FileParts {
  readonly #files: readonly ManifestFile[]
  #next = 0
  #openBytes = 0

  constructor(files: readonly ManifestFile[]) {
    this.#files = files
  }

  /** So many files have been handed out whole. */
  get done(): number {
    return this.#next
  }

  /** What has been handed out of the file that is not whole yet. */
  get openBytes(): number {
    return this.#openBytes
  }

  *of(rawOffsetBytes: number, bytes: Uint8Array): Iterable<FilePart> {
    const rawEnd = rawOffsetBytes + bytes.length
    for (
      let file = this.#files[this.#next];
      file && file.offsetBytes < rawEnd;
      file = this.#files[this.#next]
    ) {
      const start = Math.max(file.offsetBytes, rawOffsetBytes)
      const end = Math.min(file.offsetBytes + file.sizeBytes, rawEnd)
      const isLast = end === file.offsetBytes + file.sizeBytes
      yield {
        file,
        bytes: bytes.subarray(start - rawOffsetBytes, end - rawOffsetBytes),
        atBytes: start - file.offsetBytes,
        isLast,
      }
      this.#openBytes = isLast ? 0 : end - file.offsetBytes
      if (!isLast) return
      this.#next++
    }
  }
}
