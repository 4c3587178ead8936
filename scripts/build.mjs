/**
 * Bundles src/ into dist/: ES modules that share chunks, so that a verb loads only what it needs. Everything is
 * bundled but the native package. Plain JavaScript for any Node from 20 on, since `npm ci` runs it by `prepare`.
 *
 * All files lie side by side in dist/, so `new URL('./worker.js', import.meta.url)` is right in every chunk.
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { licensesOf } from './licenses.mjs'
import { mergeChunks } from './merge-chunks.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')

const result = await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts', 'src/worker.ts'].filter(path => existsSync(join(root, path))),
  outdir: dist,
  write: false,
  metafile: true,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  chunkNames: 'chunk-[hash]',
  external: ['@node-rs/crc32', 'pg-native'],
  // Amazon's SDK comes in both forms; only from ES modules can be left out what is not used.
  mainFields: ['module', 'main'],
  plugins: [plainKeys(), lazyHttp()],
  // Names stay as they are: a stack trace in a bug report has to be readable.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
})

/** What is loaded for WAL, in each kind of process; see merge-chunks.mjs. */
const groups = {
  wal: [
    'src/compose.ts',
    'src/base/fault.ts',
    'src/config/find.ts',
    'src/config/load.ts',
    'src/cli/commands/wal-push.ts',
    'src/cli/push-call.ts',
    'src/operations/wal-push/call.ts',
    'src/cli/commands/wal-push-ahead.ts',
    'src/cli/push-setup.ts',
    'src/operations/wal-push/identity-here.ts',
    'src/operations/wal-push/push-ahead.ts',
    'src/operations/storage-description.ts',
    'src/cli/commands/wal-get.ts',
    'src/operations/wal-get.ts',
    'src/cli/commands/wal-fetch-ahead.ts',
    'src/operations/wal-fetch-ahead.ts',
    'src/operations/workers/decode-wal/decode-wal-crew.ts',
    'src/repository/repository.ts',
  ],
  s3: ['src/storage/drivers/s3.ts'],
  worker: [
    'src/worker.ts',
    'src/operations/workers/encode-wal/encode-wal-worker.ts',
    'src/operations/workers/decode-wal/decode-wal-worker.ts',
  ],
}

/**
 * Amazon's descriptions of its APIs have computed keys (`[_xN]: …`), which count as effects, so that all of an API would be
 * bundled: of EC2 800 KB instead of 55. The keys are constants of the same file; written out, the rest can be left out.
 */
function plainKeys() {
  return {
    name: 'plain-keys',
    setup(esbuild) {
      esbuild.onLoad(
        { filter: /[/\\]@aws-sdk[/\\].*[/\\]dist-es[/\\].*schemas_\d+\.js$/ },
        async ({ path }) => {
          const text = await readFile(path, 'utf8')
          const words = new Map(
            [...text.matchAll(/^const (_\w+) = "(\w+)";$/gm)].map(([, name, word]) => [name, word]),
          )
          return {
            contents: text.replace(/\[(_\w+)\]:/g, (all, name) =>
              words.has(name) ? `${words.get(name)}:` : all,
            ),
          }
        },
      )
    },
  }
}

/**
 * To import `node:http` as an ES module reads everything it exports, WebSocket among it, for which Node loads its whole
 * fetch, for nothing. Asked for in this way it gives what is used.
 */
function lazyHttp() {
  return {
    name: 'lazy-http',
    setup(esbuild) {
      esbuild.onResolve({ filter: /^(node:)?http$/ }, () => ({ path: 'node:http', namespace: 'lazy-http' }))
      esbuild.onLoad({ filter: /./, namespace: 'lazy-http' }, () => ({
        contents: `module.exports = process.getBuiltinModule('node:http')`,
      }))
    },
  }
}

await mkdir(dist, { recursive: true })
const files = new Map(
  result.outputFiles.map(file => [file.path.slice(dist.length + 1), withRequire(file.text)]),
)
await mergeChunks(files, result.metafile, groups, ['src/base/version.ts'])
files.set('THIRD-PARTY-LICENSES.txt', await licensesOf(result.metafile, root))
for (const [name, text] of files) await writeWhenChanged(join(dist, name), text)
await removeOld(files)

/** CommonJS packages ask for Node's own modules by `require`, which ES modules have to make for themselves. */
function withRequire(text) {
  if (!text.includes('typeof require')) return text
  return `import{createRequire}from"node:module";const require=createRequire(import.meta.url);\n${text}`
}

async function writeWhenChanged(path, text) {
  const old = await readFile(path, 'utf8').catch(() => undefined)
  if (old === text) return
  const temporary = `${path}.${String(process.pid)}.tmp`
  await writeFile(temporary, text)
  await rename(temporary, path)
}

/** A process that runs while we build may still want to load a chunk of the last build; a package holds only its own. */
async function removeOld(keep) {
  const ageMsMin = process.env.npm_lifecycle_event === 'prepare' ? 0 : 3_600_000
  for (const name of await readdir(dist)) {
    const path = join(dist, name)
    if (keep.has(name)) continue
    // Another build at the same time may have been faster.
    const info = await stat(path).catch(() => undefined)
    if (info && Date.now() - info.mtimeMs >= ageMsMin) await rm(path, { recursive: true, force: true })
  }
}
