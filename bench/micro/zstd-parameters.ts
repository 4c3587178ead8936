/**
 * Speed and size of zstd with other parameters than those of its levels, on frames of 1 MiB: what `fitted` in
 * src/pipeline/zstd.ts rests on.
 *
 *     scripts/node bench/micro/zstd-parameters.ts FILE…
 *
 * The files are relation files or WAL segments, as varied as can be had. The best of five rounds counts, in time of
 * this thread, so that other work of the machine disturbs little.
 */
import { readFileSync } from 'node:fs'
import zlib from 'node:zlib'
import { frameSizeBytesBound } from '../../src/pipeline/zstd.ts'

const MiB = 1024 * 1024
const { ZSTD_c_compressionLevel: level, ZSTD_c_minMatch: minMatch, ZSTD_c_hashLog: hashLog } = zlib.constants
const { ZSTD_c_chainLog: chainLog, ZSTD_e_end: end } = zlib.constants

interface Variant {
  readonly name: string
  readonly parameters: Readonly<Record<number, number>>
}

const dfast = (match: number, hash: number, chain: number): Variant => ({
  name: `level 3, minMatch ${String(match)}, hashLog ${String(hash)}, chainLog ${String(chain)}`,
  parameters: { [level]: 3, [minMatch]: match, [hashLog]: hash, [chainLog]: chain },
})

const variants: readonly Variant[] = [
  ...[3, 1, 2, 4].map(n => ({ name: `level ${String(n)}`, parameters: { [level]: n } })),
  dfast(5, 16, 15),
  dfast(6, 17, 16),
  dfast(6, 16, 16),
  dfast(6, 16, 15),
  dfast(6, 15, 14),
]

/** The native handle, as src/pipeline/zstd.ts drives it; here nothing but the parameters differs. */
interface Handle {
  writeSync(
    flush: number,
    input: Uint8Array,
    at: number,
    length: number,
    output: Uint8Array,
    outputAt: number,
    room: number,
  ): void
}

function compressAll({ parameters }: Variant, data: Uint8Array): { seconds: number; sizeBytes: number } {
  const stream = zlib.createZstdCompress({ params: { ...parameters } })
  const handle = Reflect.get(stream, '_handle') as Handle
  const state = Reflect.get(stream, '_writeState') as Uint32Array
  const output = Buffer.alloc(frameSizeBytesBound(MiB))
  let seconds = Infinity
  let sizeBytes = 0
  for (let round = 0; round < 5; round++) {
    sizeBytes = 0
    const before = process.threadCpuUsage()
    for (let at = 0; at < data.length; at += MiB) {
      handle.writeSync(end, data, at, Math.min(MiB, data.length - at), output, 0, output.length)
      sizeBytes += output.length - (state[0] ?? 0)
    }
    const { user, system } = process.threadCpuUsage(before)
    seconds = Math.min(seconds, (user + system) / 1e6)
  }
  stream.close()
  return { seconds, sizeBytes }
}

const percent = (ratio: number): string => `${(ratio * 100).toFixed(2)} %`

for (const path of process.argv.slice(2)) {
  const data = readFileSync(path).subarray(0, 64 * MiB)
  console.log(`${path}: ${(data.length / MiB).toFixed(0)} MiB`)
  const results = variants.map(variant => ({ variant, ...compressAll(variant, data) }))
  const usual = results[0]!
  for (const { variant, seconds, sizeBytes } of results) {
    const rate = `${(data.length / MiB / seconds).toFixed(0)} MiB/s`
    const speed = `${(usual.seconds / seconds).toFixed(2)}x`
    const size = `${percent(sizeBytes / data.length)} of raw, ${percent(sizeBytes / usual.sizeBytes - 1)} larger`
    console.log(`  ${variant.name.padEnd(46)} ${rate.padStart(11)}  ${speed}  ${size}`)
  }
}
