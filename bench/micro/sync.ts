/**
 * Making very many small files durable: a sync of each against one of the whole file system, which is what syncTrees
 * (src/operations/workers/copy-in/sync-trees.ts) rests on.
 *
 *     scripts/node bench/micro/sync.ts DIRECTORY [--files 20000]
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { syncFileSystem, syncTree } from '../../src/operations/workers/copy-in/sync-trees.ts'

const never = new AbortController().signal
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { files: { type: 'string', default: '20000' } },
})
const [directory] = positionals
if (directory === undefined) throw new Error('name a directory to work in')
const root = join(directory, 'sync')
const bytes = Buffer.alloc(8192, 1)

async function measure(name: string, sync: () => Promise<unknown>): Promise<void> {
  mkdirSync(root, { recursive: true })
  for (let i = 0; i < Number(values.files); i++) writeFileSync(join(root, String(i)), bytes)
  const start = performance.now()
  await sync()
  console.log(
    `${name.padEnd(28)} ${((performance.now() - start) / 1000).toFixed(2)} s for ${values.files} files`,
  )
  rmSync(root, { recursive: true })
}

await syncFileSystem(directory, never)
await measure('each file by itself', () => syncTree(root, never))
await syncFileSystem(directory, never)
await measure('the whole file system', () => syncFileSystem(root, never))
