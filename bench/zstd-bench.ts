/** What `zstd -b` prints, parsed. */

export interface ZstdSpeed {
  readonly compressBytesPerSecond: number
  readonly decompressBytesPerSecond: number
}

/** It rewrites its line as it measures, so the last figures count. Its MB are millions of bytes. */
export function parseZstdBench(output: string): ZstdSpeed {
  const found = /([\d.]+) MB\/s,?\s+([\d.]+) MB\/s/
  const [, compress, decompress] = found.exec(output.slice(output.lastIndexOf('(x'))) ?? []
  if (compress === undefined || decompress === undefined)
    throw new Error(`zstd -b printed no speed: ${output.slice(-200)}`)
  return {
    compressBytesPerSecond: Number(compress) * 1e6,
    decompressBytesPerSecond: Number(decompress) * 1e6,
  }
}
