import { expect, test } from 'vitest'
import { pageChecksumWasm } from '../pipeline/kernel/page-checksum.generated.ts'
import { kernelLoader } from './wasm-kernel.ts'

const memory = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: 16, maximum: 16 })

test('a kernel has the functions that are named, in each memory', () => {
  const load = kernelLoader<{ readonly verify: () => number }>(pageChecksumWasm, { verify: 5 })
  expect([typeof load(memory()).verify, typeof load(memory()).verify]).toEqual(['function', 'function'])
})

test.each([
  ['does not export', 'check', 5],
  ['exports with other parameters', 'verify', 4],
])('one that %s what is named is not run', (_, name, count) => {
  const load = kernelLoader<Record<string, () => number>>(pageChecksumWasm, { [name]: count })
  expect(() => load(memory())).toThrow(
    `the kernel exports the function ${name} with ${String(count)} parameters`,
  )
})
