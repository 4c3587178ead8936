/**
 * What each stage of the path costs, for one core: MiB/s of raw bytes, and the share of the whole.
 *
 *     scripts/node bench/micro/stages.ts FILE… [--level 3]
 *
 * The files are relation files of a real cluster, read from the page cache (they are read once before).
 */
import { createHash } from 'node:crypto'
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  createOpener,
  createSealer,
  generateIdentity,
  sealedSizeBytesBound,
  storedChunkSizeBytes,
} from '../../src/pipeline/age.ts'
import { crc32c } from '../../src/pipeline/crc32c.ts'
import { createPageChecker } from '../../src/pipeline/page-checksum.ts'
import {
  createFrameCompressor,
  createFrameDecompressor,
  frameSizeBytesBound,
} from '../../src/pipeline/zstd.ts'

const MiB = 1024 * 1024

/** Milliseconds by stage. */
type Times = Record<string, number>

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { level: { type: 'string', default: '3' }, rounds: { type: 'string', default: '3' } },
  })
  if (positionals.length === 0) throw new Error('name the files to measure with')
  for (let round = 1; round <= Number(values.rounds); round++) {
    const times: Times = {}
    const { rawBytes, storedBytes } = await measure(positionals, Number(values.level), times)
    report(times, rawBytes, storedBytes)
  }
}

async function measure(
  paths: readonly string[],
  level: number,
  times: Times,
): Promise<{ rawBytes: number; storedBytes: number }> {
  const checker = createPageChecker({ count: 1, sizeBytes: MiB })
  const buffer = checker.buffers[0]!
  const compressor = createFrameCompressor({ level, contentChecksum: false })
  const decompressor = createFrameDecompressor()
  const { identity, recipient } = await generateIdentity()
  const sealer = await createSealer([recipient])
  const opener = await createOpener(sealer.header, [identity])
  const compressed = new Uint8Array(frameSizeBytesBound(MiB))
  const sealed = new Uint8Array(sealedSizeBytesBound(compressed.length))
  const opened = new Uint8Array(storedChunkSizeBytes)
  const back = new Uint8Array(MiB)
  const digest = createHash('sha256')
  const scratch = join(tmpdir(), `holdfast-stages-${String(process.pid)}`)
  const out = openSync(scratch, 'w')
  const total = { rawBytes: 0, storedBytes: 0 }
  let chunk = 0
  const stage = <T>(name: string, work: () => T): T => {
    // The thread's own time, so that other work of the machine does not count.
    const before = process.threadCpuUsage()
    const result = work()
    const { user, system } = process.threadCpuUsage(before)
    times[name] = (times[name] ?? 0) + (user + system) / 1000
    return result
  }
  for (const path of paths) {
    const fd = openSync(path, 'r')
    const { size } = fstatSync(fd)
    for (let at = 0, crc = 0; at < size;) {
      const got = stage('read', () => readSync(fd, buffer, 0, MiB, at))
      const raw = buffer.subarray(0, got)
      stage('page checksums', () => checker.failures(raw.subarray(0, got - (got % 8192)), 8192, at / 8192))
      crc = stage('CRC-32C', () => crc32c(raw, crc))
      const storedBytes = stage('compress', () => compressor.compress(raw, compressed))
      const sealedBytes = stage('seal', () => sealer.seal(compressed.subarray(0, storedBytes), sealed))
      const stored = sealed.subarray(0, sealedBytes)
      stage('SHA-256', () => digest.update(stored))
      stage('write stored', () => writeSync(out, stored))
      stage('· open', () => {
        for (let i = 0; i + storedChunkSizeBytes <= sealedBytes; i += storedChunkSizeBytes) {
          opener.openChunk(chunk++, stored.subarray(i, i + storedChunkSizeBytes), false, opened)
        }
      })
      stage('· decompress', () => decompressor.decompress(compressed.subarray(0, storedBytes), back))
      stage('· write raw', () => writeSync(out, back, 0, got, 0))
      total.rawBytes += got
      total.storedBytes += sealedBytes
      at += got
    }
    closeSync(fd)
  }
  ftruncateSync(out, 0)
  closeSync(out)
  rmSync(scratch)
  compressor.close()
  decompressor.close()
  return total
}

function report(times: Times, rawBytes: number, storedBytes: number): void {
  const outgoing = Object.entries(times).filter(([name]) => !name.startsWith('·'))
  const totalMs = outgoing.reduce((sum, [, ms]) => sum + ms, 0)
  console.log(
    `${(rawBytes / MiB).toFixed(0)} MiB raw, ${(storedBytes / MiB).toFixed(0)} MiB stored (${((storedBytes / rawBytes) * 100).toFixed(1)} %)`,
  )
  for (const [name, ms] of Object.entries(times)) {
    const share = name.startsWith('·') ? '      ' : `${((ms / totalMs) * 100).toFixed(1).padStart(5)}%`
    console.log(
      `${name.padEnd(16)} ${(rawBytes / MiB / (ms / 1000)).toFixed(0).padStart(7)} MiB/s ${share} ${((ms / (rawBytes / MiB)) * 1.024).toFixed(3).padStart(8)} s/GiB`,
    )
  }
  console.log(`outgoing         ${(rawBytes / MiB / (totalMs / 1000)).toFixed(0).padStart(7)} MiB/s`)
}

await main()
