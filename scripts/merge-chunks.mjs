/**
 * Puts together the chunks that are always loaded together. Modules that share code with every verb are split into many
 * small files, and to find, read and link a file takes Node as long as to compile it: of what runs for every WAL segment
 * that is most of the start. Each group names the modules that one kind of process loads; chunks that the same groups
 * load become one file. A chunk that was merged stays as a file that passes on what it had, for all other verbs.
 */
import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { build } from 'esbuild'

/**
 * `files`: name to text, of one esbuild run with `splitting`; changed in place. `groups`: name to the source modules that
 * are loaded. `apart`: source modules that stay as they are, with all they need.
 */
export async function mergeChunks(files, { outputs }, groups, apart) {
  const chunks = new Map(Object.entries(outputs).map(([path, output]) => [basename(path), output]))
  const kept = reached(chunks, apart)
  /** Of each chunk that a group loads. */
  const groupsOf = new Map()
  for (const [group, modules] of Object.entries(groups))
    for (const name of reached(chunks, modules))
      if (name.startsWith('chunk-') && !kept.has(name))
        groupsOf.set(name, [...(groupsOf.get(name) ?? []), group])
  const originals = new Map(files)
  /** Of each merged file. */
  const membersOf = new Map()
  for (const part of new Set([...groupsOf.values()].map(list => list.join('-')))) {
    const members = [...groupsOf].flatMap(([name, list]) => (list.join('-') === part ? [name] : []))
    membersOf.set(mergedName(part, members), members)
  }
  const mergedOf = new Map([...membersOf].flatMap(([merged, members]) => members.map(name => [name, merged])))
  for (const [merged, members] of membersOf)
    files.set(merged, await mergedText(merged, members, { chunks, originals, mergedOf }))
  for (const [name, merged] of mergedOf) files.set(name, passingOn(name, merged, chunks))
}

/** Chunks are named by what is in them, and so is this: what runs while the next build is made goes on with the last one's. */
function mergedName(part, members) {
  const digest = createHash('sha256').update(members.join(' ')).digest('hex').slice(0, 8)
  return `chunk-${part}-${digest}.js`
}

/** All that these modules import, and what that imports; not what is loaded only when it is asked for. */
function reached(chunks, modules) {
  const found = new Set()
  const visit = name => {
    if (found.has(name)) return
    found.add(name)
    for (const { path, kind, external } of chunks.get(name).imports)
      if (kind === 'import-statement' && !external) visit(basename(path))
  }
  for (const module of modules) {
    const [name] = [...chunks].find(([, { entryPoint }]) => entryPoint === module) ?? []
    if (name === undefined) throw new Error(`no chunk begins with ${module}`)
    visit(name)
  }
  return found
}

async function mergedText(merged, members, { chunks, originals, mergedOf }) {
  const { outputFiles } = await build({
    stdin: { contents: members.map(name => exportsOf(name, `./${name}`, chunks)).join('') },
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [{ name: 'chunks', setup: takeChunks }],
  })
  return outputFiles[0].text

  function takeChunks(esbuild) {
    esbuild.onResolve({ filter: /./ }, ({ path, kind }) => {
      const name = basename(path)
      const into = mergedOf.get(name)
      if (kind === 'dynamic-import' || into === undefined) return { path, external: true }
      return { path: name, namespace: into === merged ? 'own' : 'other' }
    })
    esbuild.onLoad({ filter: /./, namespace: 'own' }, ({ path }) => ({ contents: originals.get(path) }))
    esbuild.onLoad({ filter: /./, namespace: 'other' }, ({ path }) => ({
      contents: passingOn(path, mergedOf.get(path), chunks),
    }))
  }
}

/** What a merged file exports has the name of its chunk before its own. */
function exportsOf(name, from, chunks) {
  const { exports } = chunks.get(name)
  const words = exports.map(each => `${each} as ${prefixOf(name)}${each}`)
  return words.length > 0 ? `export{${words.join(',')}}from"${from}";\n` : `import"${from}";\n`
}

function passingOn(name, merged, chunks) {
  const { exports } = chunks.get(name)
  const words = exports.map(each => `${prefixOf(name)}${each} as ${each}`)
  return words.length > 0 ? `export{${words.join(',')}}from"./${merged}";\n` : `import"./${merged}";\n`
}

const prefixOf = name => `${name.replaceAll(/\W/g, '_')}_`
