/**
 * Compiles the WebAssembly kernels of src/pipeline/kernel and commits them as text: `*.generated.ts` holds the module
 * in base64, so that neither a checkout nor a package needs a compiler. A test says when it is out of date.
 *
 * Run: scripts/node scripts/build-kernel.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

const kernelUrl = new URL('../src/pipeline/kernel/page-checksum.as.ts', import.meta.url)
export const generatedUrl = new URL('../src/pipeline/kernel/page-checksum.generated.ts', import.meta.url)

/** The text of the generated file, from the kernel's source as it is now. */
export async function generateKernel(): Promise<string> {
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
      readFile: name => (name === 'kernel.ts' ? readFileSync(kernelUrl, 'utf8') : null),
      writeFile: (name, contents) => {
        if (name === 'kernel.wasm' && typeof contents !== 'string') binary = contents
      },
      listFiles: () => [],
    },
  )
  if (error || !binary) throw new Error(`the kernel does not compile: ${error?.message ?? ''}`)
  return [
    '/** Made by scripts/build-kernel.ts from page-checksum.as.ts; do not edit. A WebAssembly module in base64. */',
    `export const pageChecksumWasm =`,
    `  '${Buffer.from(binary).toString('base64')}'`,
    '',
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(generatedUrl, await generateKernel())
