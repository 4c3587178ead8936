/** A worker that copies in: fetches ranges of packs, opens, decompresses, sums and writes files. */
import { alignedBuffers } from '../../../base/aligned-buffers.ts'
import type { Fault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import { createPackTools, inPack, type PackTools } from '../../../repository/packs/pack-reader.ts'
import { nowhere } from '../../sources/trouble.ts'
import type { CopyInReport, CopyInSetup, PackCopies } from '../messages.ts'
import type { Task, WorkerLine } from '../run-worker.ts'
import { attempt, type Attempt } from './attempt.ts'
import { isRightAlready } from './kept-file.ts'
import { Places } from './places.ts'
import { RunWriter } from './run-writer.ts'
import { writeSmallFile } from './small-file.ts'

export async function runCopyIn(setup: CopyInSetup, line: WorkerLine, signal: AbortSignal): Promise<void> {
  const tools = createPackTools(alignedBuffers(frameBuffers, limits.frameSizeBytesMax))
  const ended = new AbortController()
  const copier = new CopierIn(setup, line, tools, AbortSignal.any([signal, ended.signal]))
  const take = (): Promise<PreparedTask | undefined> => {
    const taken = line.nextTask().then(task => task && copier.prepare(task))
    taken.catch(() => undefined)
    return taken
  }
  try {
    // The next task is asked for, and its bytes are on their way, while this one is written.
    let next = take()
    for (let task = await next; task; task = await next) {
      next = take()
      await copier.copy(task)
    }
    line.post({ kind: 'copied-in', report: copier.report() })
  } finally {
    ended.abort()
    tools.close()
  }
}

/** What is left to do of a task, and asked for already. */
interface PreparedTask {
  readonly pack: PackCopies
  /** None of them empty. */
  readonly files: readonly ManifestFile[]
  readonly begun: Attempt | undefined
}

class CopierIn {
  readonly #setup: CopyInSetup
  readonly #line: WorkerLine
  readonly #places: Places
  readonly #writer: RunWriter
  readonly #signal: AbortSignal
  /** Files are compared by way of it; those of `tools` are being written from meanwhile. */
  readonly #compared: Uint8Array
  #report = { files: 0, bytes: 0, filesKept: 0, bytesKept: 0 }
  #bytesUntold = 0

  constructor(setup: CopyInSetup, line: WorkerLine, tools: PackTools, signal: AbortSignal) {
    this.#setup = setup
    this.#line = line
    this.#signal = signal
    this.#places = new Places(setup, line, tools)
    this.#compared = new Uint8Array(setup.delta ? limits.frameSizeBytesMax : 0)
    this.#writer = new RunWriter(setup, tools, {
      turn: () => {
        line.poll()
        signal.throwIfAborted()
      },
      advanced: bytes => {
        this.#tell(bytes)
      },
    })
  }

  report(): CopyInReport {
    this.#tell(0)
    return { ...this.#report, bytesFetched: this.#places.bytesFetched }
  }

  prepare(task: Task): PreparedTask {
    if (task.kind !== 'copy-in') throw new Error(`assertion failed: ${task.kind} is a task for another job`)
    const { pack } = task
    const wanted = this.#setup.delta ? task.files.filter(file => !this.#keep(file)) : task.files
    for (const file of wanted) if (file.sizeBytes === 0) this.#writeEmpty(file)
    const files = wanted.filter(file => file.sizeBytes > 0)
    const place = this.#places.next(pack, new Set())
    if (files.length === 0 || place === undefined) return { pack, files, begun: undefined }
    return { pack, files, begun: attempt(this.#places, { pack, place, files }, this.#signal) }
  }

  /** What one place does not give whole, is asked for in the next, from the file on that is hurt. */
  async copy({ pack, files, begun }: PreparedTask): Promise<void> {
    const failed = new Map<number, Fault>()
    let rest = files
    for (let current = begun; current;) {
      const { whole, fault } = await this.#copyFrom(current, rest)
      if (!fault) return
      if (whole > 0) failed.clear()
      rest = rest.slice(whole)
      failed.set(current.place, fault)
      current = this.#elsewhere(pack, current.place, rest, failed)
    }
  }

  async #copyFrom(
    current: Attempt,
    files: readonly ManifestFile[],
  ): Promise<{ readonly whole: number; readonly fault: Fault | undefined }> {
    try {
      const { whole, fault } = await this.#writer.write(current)
      this.#report.files += whole
      for (const { sizeBytes } of files.slice(0, whole)) this.#report.bytes += sizeBytes
      return { whole, fault }
    } finally {
      current.close()
    }
  }

  #elsewhere(
    pack: PackCopies,
    place: number,
    files: readonly ManifestFile[],
    failed: ReadonlyMap<number, Fault>,
  ): Attempt {
    const path = files[0]?.path
    const fault = failed.get(place)
    if (fault) this.#places.blame(pack, place, fault)
    const next = this.#places.next(pack, new Set(failed.keys()))
    if (!fault || next === undefined) throw this.#lost(pack, path, failed)
    const { code, message } = fault
    const [repository, object] = [this.#places.nameOf(place), this.#places.keyOf(pack, place)]
    const instead = this.#places.nameOf(next)
    this.#line.post({ kind: 'passed-over', trouble: { repository, object, path, code, message, instead } })
    return attempt(this.#places, { pack, place: next, files }, this.#signal)
  }

  #lost(pack: PackCopies, path: string | undefined, failed: ReadonlyMap<number, Fault>): unknown {
    const name = pack.objects.find(object => object !== undefined)?.name ?? ''
    const where = `backup ${this.#setup.backup}, ${name}${path === undefined ? '' : `, file ${path}`}`
    const failures = Array.from(failed, ([place, fault]) => ({
      repository: this.#places.nameOf(place),
      fault,
    }))
    const fault = nowhere(where, failures, this.#places.count)
    // What keeps a pack from being opened at all names it.
    return this.#places.count > 1 || fault.message.includes(name) ? fault : inPack(where, fault)
  }

  #writeEmpty(file: ManifestFile): void {
    writeSmallFile(`${this.#setup.targetDirectory}/${file.path}`, new Uint8Array(0), file, this.#setup.owner)
    this.#report.files++
  }

  #keep(file: ManifestFile): boolean {
    const path = `${this.#setup.targetDirectory}/${file.path}`
    if (!isRightAlready(path, file, this.#setup.owner, this.#compared)) return false
    this.#report.filesKept++
    this.#report.bytesKept += file.sizeBytes
    this.#tell(file.sizeBytes)
    return true
  }

  #tell(bytes: number): void {
    this.#bytesUntold += bytes
    if (this.#bytesUntold < limits.progressStepBytes && bytes !== 0) return
    this.#line.post({ kind: 'advanced', bytes: this.#bytesUntold })
    this.#bytesUntold = 0
  }
}

/** So many frames are on their way: one is decompressed, the others are being written. */
const frameBuffers = 4
