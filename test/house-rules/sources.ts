/** The project's own source files, for the tests of the house rules. */
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface SourceFile {
  /** Relative to the project, for example `src/base/fault.ts`. */
  readonly path: string
  readonly text: string
}

export function sourceFiles(...folders: readonly string[]): readonly SourceFile[] {
  return folders.flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
      .map(entry => relative(root, join(entry.parentPath, entry.name)))
      .filter(path => !/\.(generated|as)\.ts$|\/\.data\/|\/node_modules\//.test(path))
      .map(path => ({ path, text: readFileSync(join(root, path), 'utf8') })),
  )
}

export interface Import {
  /** The imported file, relative to the project. */
  readonly path: string
  /** Only its types are taken, or it is loaded later: no part of loading the importing file. */
  readonly deferred: boolean
}

/** What a file imports of the project's own: `import … from`, `import '…'`, `import('…')`. */
export function importsOf({ path, text }: SourceFile): readonly Import[] {
  const code = text.replace(/^\s*(\/\/|\*|\/\*).*$/gm, '')
  const statements = [...code.matchAll(/^(import|export)\s+(type\s)?[^'"]*?from\s+'(\.[^']+)'/gm)].map(
    match => ({
      specifier: match[3] ?? '',
      deferred: match[2] !== undefined,
    }),
  )
  const bare = [...code.matchAll(/^import\s+'(\.[^']+)'/gm)].map(match => ({
    specifier: match[1] ?? '',
    deferred: false,
  }))
  const calls = [...code.matchAll(/\bimport\(\s*'(\.[^']+)'/g)].map(match => ({
    specifier: match[1] ?? '',
    deferred: true,
  }))
  return [...statements, ...bare, ...calls].map(({ specifier, deferred }) => ({
    path: relative(root, resolve(root, dirname(path), specifier)),
    deferred,
  }))
}
