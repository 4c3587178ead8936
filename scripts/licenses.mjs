/** The licence texts of the packages that were bundled, as their licences ask of those who pass them on. */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** `metafile` is esbuild's account of what went in. */
export async function licensesOf(metafile, root) {
  const folders = Object.keys(metafile.inputs).flatMap(
    path => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [],
  )
  const sections = []
  for (const folder of [...new Set(folders)].sort()) sections.push(await sectionOf(join(root, folder)))
  return `Holdfast contains these packages.\n\n${sections.join('\n')}`
}

async function sectionOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const file = (await readdir(folder)).find(entry => /^licen[cs]e(?:\.|$)/i.test(entry))
  const text = file === undefined ? '' : await readFile(join(folder, file), 'utf8')
  return `${'='.repeat(80)}\n${name} ${version} (${license})\n\n${text.trim()}\n`
}
