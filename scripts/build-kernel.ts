/**
 * Compiles the WebAssembly kernels and commits them as text: `*.generated.ts` holds a module in base64, so that neither a
 * checkout nor a package needs a compiler. Tests say when one is out of date.
 *
 * Run: scripts/node scripts/build-kernel.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

export interface Kernel {
  readonly sourceUrl: URL
  readonly generatedUrl: URL
  /** Of the constant that holds the module. */
  readonly constant: string
}

export const pageChecksumKernel = kernelAt('pipeline/kernel/page-checksum', 'pageChecksumWasm')
export const chunksKernel = kernelAt('postgres/dump-archive/kernel/chunks', 'chunksWasm')

function kernelAt(path: string, constant: string): Kernel {
  const url = (suffix: string): URL => new URL(`../src/${path}.${suffix}`, import.meta.url)
  return { sourceUrl: url('as.ts'), generatedUrl: url('generated.ts'), constant }
}

/** The text of the generated file, from the kernel's source as it is now. */
export async function generateKernel(kernel: Kernel): Promise<string> {
  let binary: Uint8Array | undefined
  const { error } = await asc.main(
    [
      'kernel.ts',
      '--outFile',
      'kernel.wasm',
      '--runtime',
      'stub',
      '--importMemory',
      '--enable',
      'simd',
      '-O3',
      '--noAssert',
      '--use',
      'abort=',
    ],
    {
      readFile: name => (name === 'kernel.ts' ? readFileSync(kernel.sourceUrl, 'utf8') : null),
      writeFile: (name, contents) => {
        if (name === 'kernel.wasm' && typeof contents !== 'string') binary = contents
      },
      listFiles: () => [],
    },
  )
  if (error || !binary) throw new Error(`the kernel does not compile: ${error?.message ?? ''}`)
  const source = kernel.sourceUrl.pathname.split('/').at(-1) ?? ''
  return [
    `/** Made by scripts/build-kernel.ts from ${source}; do not edit. A WebAssembly module in base64. */`,
    `export const ${kernel.constant} =`,
    `  '${Buffer.from(binary).toString('base64')}'`,
    '',
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const kernel of [pageChecksumKernel, chunksKernel])
    writeFileSync(kernel.generatedUrl, await generateKernel(kernel))
}
