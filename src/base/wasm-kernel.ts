/** Loads the kernels in WebAssembly: compiled once for a process, instantiated for each memory that they work in. */
import { assert } from './assert.ts'

/**
 * `wasm` is the module, in base64; it imports its memory as `env.memory`. `parameters` names the functions that it has to
 * export, each with the number of its parameters: a module that was built from other sources is not run.
 */
export function kernelLoader<Kernel extends object>(
  wasm: string,
  parameters: { readonly [Name in keyof Kernel]: number },
): (memory: WebAssembly.Memory) => Kernel {
  let compiled: WebAssembly.Module | undefined
  return memory => {
    compiled ??= new WebAssembly.Module(Buffer.from(wasm, 'base64'))
    const { exports } = new WebAssembly.Instance(compiled, { env: { memory } })
    for (const [name, count] of Object.entries(parameters)) {
      const found = exports[name]
      const isAsNamed = typeof found === 'function' && found.length === count
      assert(isAsNamed, `the kernel exports the function ${name} with ${String(count)} parameters`)
    }
    return exports as Kernel
  }
}
