/** What `zstd -b` prints, parsed. */

export interface ZstdSpeed {
  readonly compressBytesPerSecond: number
  readonly decompressBytesPerSecond: number
}

/** It writes its line anew as it measures, with both speeds or only the first: the last that has both counts. */
export function parseZstdBench(output: string): ZstdSpeed {
  // Its MB are millions of bytes.
  const both = [...output.matchAll(/([\d.]+) MB\/s, +([\d.]+) MB\/s/g)]
  const [, compress, decompress] = both[both.length - 1] ?? []
  if (compress === undefined || decompress === undefined) {
    throw new Error(`zstd -b printed no speed: ${output.slice(-200)}`)
  }
  return {
    compressBytesPerSecond: Number(compress) * 1e6,
    decompressBytesPerSecond: Number(decompress) * 1e6,
  }
}
