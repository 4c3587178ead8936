/** The machine, and the most that its zstd and its disk can do: no tool that compresses can be faster. */
import { randomFillSync } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  openSync,
  readSync,
  readFileSync,
  rmSync,
  statSync,
  statfsSync,
  writeSync,
} from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { GiB, MiB, formatBytes } from '../src/base/units.ts'
import type { RunAs } from './measure.ts'
import { run } from './measure.ts'
import { canDropCaches, filesOf, readThrough, remove, settle } from './disk.ts'
import { parseZstdBench } from './zstd-bench.ts'

export interface MachineLimits {
  /** All cores together, on a sample of the data in pieces of 1 MiB, in raw bytes a second. */
  readonly compressBytesPerSecond: number
  readonly decompressBytesPerSecond: number
  readonly diskWriteBytesPerSecond: number
  /** Undefined when the page cache can not be emptied, so that reading would not touch the disk. */
  readonly diskReadBytesPerSecond: number | undefined
}

export function describeMachine(directory: string): string {
  const [cpu] = cpus()
  const type = statfsSync(directory).type
  const fileSystem = type === 0xef53 ? 'ext4' : `file system 0x${type.toString(16)}`
  return `${cpu?.model.trim() ?? 'unknown processor'}, ${String(availableParallelism())} cores, ${formatBytes(totalmem())} of memory, Linux ${release()}, ${fileSystem}, ${readDebianVersion()}`
}

function readDebianVersion(): string {
  const name = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))
  return name?.[1] ?? 'unknown system'
}

export async function measureLimits(
  dataDirectory: string,
  scratch: string,
  as: RunAs,
): Promise<MachineLimits> {
  const sample = join(scratch, 'sample')
  try {
    writeSample(join(dataDirectory, 'base'), sample)
    return { ...(await measureZstd(sample, as)), ...measureDisk(join(scratch, 'disk')) }
  } finally {
    remove(sample)
  }
}

const sampleSizeBytes = 256 * MiB

/** Slices of 1 MiB, evenly spread over all large files. */
function writeSample(source: string, path: string): void {
  const slices = [...filesOf(source)].sort().flatMap(file => {
    const count = Math.floor(statSync(file).size / MiB)
    return Array.from({ length: count }, (_, index) => ({ file, position: index * MiB }))
  })
  const step = Math.max(1, slices.length / (sampleSizeBytes / MiB))
  const buffer = Buffer.allocUnsafe(MiB)
  const out = openSync(path, 'w', 0o644)
  for (let at = 0; at < slices.length; at += step) {
    const slice = slices[Math.floor(at)]
    if (slice === undefined) break
    const file = openSync(slice.file, 'r')
    readSync(file, buffer, 0, MiB, slice.position)
    closeSync(file)
    writeSync(out, buffer)
  }
  closeSync(out)
}

/** One zstd for each core at once, as threads and turbo clocks make one core's speed times their number too much. */
async function measureZstd(
  sample: string,
  as: RunAs,
): Promise<Pick<MachineLimits, 'compressBytesPerSecond' | 'decompressBytesPerSecond'>> {
  const command = { program: 'zstd', args: ['-b3', '-i3', '-B1048576', sample] }
  const outputs = await Promise.all(Array.from({ length: availableParallelism() }, () => run(command, as)))
  const speeds = outputs.map(parseZstdBench)
  return {
    compressBytesPerSecond: speeds.reduce((sum, speed) => sum + speed.compressBytesPerSecond, 0),
    decompressBytesPerSecond: speeds.reduce((sum, speed) => sum + speed.decompressBytesPerSecond, 0),
  }
}

function measureDisk(
  path: string,
): Pick<MachineLimits, 'diskWriteBytesPerSecond' | 'diskReadBytesPerSecond'> {
  try {
    settle('warm', [])
    const diskWriteBytesPerSecond =
      (2 * GiB) /
      secondsOf(() => {
        writeAndSync(path, 2 * GiB)
      })
    if (!canDropCaches()) return { diskWriteBytesPerSecond, diskReadBytesPerSecond: undefined }
    settle('cold', [])
    return {
      diskWriteBytesPerSecond,
      diskReadBytesPerSecond:
        (2 * GiB) /
        secondsOf(() => {
          readThrough(path)
        }),
    }
  } finally {
    rmSync(path, { force: true })
  }
}

function writeAndSync(path: string, sizeBytes: number): void {
  const block = randomFillSync(Buffer.allocUnsafe(4 * MiB))
  const file = openSync(path, 'w')
  for (let written = 0; written < sizeBytes; written += block.length) writeSync(file, block)
  fsyncSync(file)
  closeSync(file)
}

function secondsOf(work: () => void): number {
  const startedAt = performance.now()
  work()
  return (performance.now() - startedAt) / 1000
}
