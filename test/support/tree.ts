/** Trees of files, for tests: made from a table of sizes, and compared. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { someBytes } from './pack-lab.ts'

/** Files by their paths; a size, or the bytes themselves. */
export type Tree = Readonly<Record<string, number | Uint8Array>>

export function makeTree(root: string, tree: Tree): void {
  Object.entries(tree).forEach(([path, content], i) => {
    mkdirSync(dirname(join(root, path)), { recursive: true, mode: 0o700 })
    writeFileSync(join(root, path), typeof content === 'number' ? someBytes(content, i + 1) : content, {
      mode: 0o600,
    })
  })
}

/** Every directory with its mode, every file with its mode, size and hash. */
export function describeTree(root: string, directory = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of readdirSync(join(root, directory)).toSorted()) {
    const path = directory === '' ? name : `${directory}/${name}`
    const { mode } = statSync(join(root, path))
    const permissions = (mode & 0o7777).toString(8)
    if (statSync(join(root, path)).isDirectory()) {
      found[`${path}/`] = permissions
      Object.assign(found, describeTree(root, path))
    } else {
      found[path] = `${permissions} ${hash(readFileSync(join(root, path)))}`
    }
  }
  return found
}

function hash(bytes: Uint8Array): string {
  return `${String(bytes.length)} ${createHash('sha256').update(bytes).digest('hex')}`
}
