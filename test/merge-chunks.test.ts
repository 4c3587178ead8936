/** Chunks that are put together behave as before: one state, loaded when it is asked for, and only what is asked for. */
import { build } from 'esbuild'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { mergeChunks } from '../scripts/merge-chunks.mjs'

const sources: Readonly<Record<string, string>> = {
  'main.js': `
    import { say } from './say.js'
    say('main')
    const { push } = await import('./push.js')
    const { list } = await import('./list.js')
    push(); list(); push()
    if (process.argv[2]) await import('./rare.js')`,
  'say.js': `export const said = []; export function say(text) { said.push(text); console.log(text) }`,
  'count.js': `import { say } from './say.js'; say('count is loaded'); export let count = 0; export function add() { count += 1 }`,
  'push.js': `import { add, count } from './count.js'; import { say } from './say.js'
    export function push() { add(); say('pushed ' + count) }`,
  'list.js': `import { count } from './count.js'; import { say } from './say.js'; import { only } from './only-list.js'
    export function list() { say(only + count) }`,
  'only-list.js': `export const only = 'listed '`,
  'rare.js': `import { said, say } from './say.js'; import { add, count } from './count.js'; add(); say(said.length + ' ' + count)`,
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'merge-chunks-'))
  mkdirSync(join(folder, 'src'))
  for (const [name, text] of Object.entries(sources)) writeFileSync(join(folder, 'src', name), text)
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

async function built(groups: Readonly<Record<string, readonly string[]>>): Promise<Map<string, string>> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: folder,
    entryPoints: ['src/main.js'],
    outdir: join(folder, 'dist'),
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    chunkNames: 'chunk-[hash]',
  })
  const files = new Map(outputFiles.map(({ path, text }) => [basename(path), text]))
  // What the program itself begins with would else bring along all that is put together with it.
  await mergeChunks(files, metafile, groups, ['src/main.js'])
  return files
}

function run(files: ReadonlyMap<string, string>, ...words: readonly string[]): string {
  const dist = join(folder, 'dist')
  mkdirSync(dist, { recursive: true })
  writeFileSync(join(dist, 'package.json'), '{"type":"module"}')
  for (const [name, text] of files) writeFileSync(join(dist, name), text)
  return execFileSync(process.execPath, [join(dist, 'main.js'), ...words], { encoding: 'utf8' })
}

const expected = 'main\ncount is loaded\npushed 1\nlisted 1\npushed 2\n'

test.each([
  ['none', {}],
  ['one group', { wal: ['src/push.js'] }],
  ['two groups that share a chunk', { wal: ['src/push.js'], other: ['src/list.js'] }],
])('a program says the same with merged chunks: %s', async (_, groups) => {
  const files = await built(groups)
  expect(run(files)).toBe(expected)
  expect(run(files, 'rare')).toBe(`${expected}5 3\n`)
})

test('what a group loads is one file, and what nobody of it loads is not in it', async () => {
  const files = await built({ wal: ['src/push.js'] })
  const merged = [...files].filter(([name]) => name.startsWith('chunk-wal-'))
  expect(merged).toHaveLength(1)
  expect(merged[0]?.[1]).toContain('pushed ')
  expect(merged[0]?.[1]).not.toContain('listed ')
})

test('a module that no chunk begins with is refused: a group would quietly shrink when a file is renamed', async () => {
  await expect(built({ wal: ['src/renamed.js'] })).rejects.toThrow('no chunk begins with src/renamed.js')
})
