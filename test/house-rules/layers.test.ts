/** The architecture, as the machine reads it. ARCHITECTURE.md says it in words. */
import { expect, test } from 'vitest'
import { importsOf, sourceFiles, type SourceFile } from './sources.ts'

/** A folder of src/, and the folders that it may import. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  schedule: ['base'],
  audit: ['base'],
  wal: ['base'],
  config: ['base', 'schedule'],
  cloud: ['base'],
  storage: ['base', 'cloud'],
  snapshots: ['base', 'cloud'],
  pipeline: ['base'],
  policy: ['base', 'wal', 'schedule'],
  postgres: ['base', 'wal'],
  repository: ['base', 'wal', 'pipeline', 'storage'],
  operations: [
    'base',
    'audit',
    'schedule',
    'wal',
    'config',
    'cloud',
    'storage',
    'snapshots',
    'pipeline',
    'policy',
    'postgres',
    'repository',
  ],
  control: ['base'],
  sinks: ['base', 'cloud', 'config', 'policy'],
  agent: ['base', 'audit', 'schedule', 'config', 'policy', 'control', 'sinks'],
  cli: [
    'sinks',
    'control',
    'agent',
    'base',
    'audit',
    'schedule',
    'wal',
    'config',
    'cloud',
    'storage',
    'snapshots',
    'pipeline',
    'policy',
    'postgres',
    'repository',
    'operations',
  ],
}

/** They wire the layers together. */
const mayImportAnything = ['src/main.ts', 'src/compose.ts', 'src/worker.ts']

const files = sourceFiles('src')
const isTest = ({ path }: SourceFile): boolean => path.endsWith('.test.ts')
const layerOf = (path: string): string => path.split('/')[1] ?? ''

test('imports point down', () => {
  const wrong = files
    .filter(file => !isTest(file) && !mayImportAnything.includes(file.path))
    .flatMap(file => importsOf(file).map(({ path }) => ({ from: file.path, to: path })))
    .filter(({ from, to }) => to !== 'package.json' && layerOf(from) !== layerOf(to))
    .filter(({ from, to }) => !mayImport[layerOf(from)]?.includes(layerOf(to)))
  expect(wrong).toEqual([])
})

test('every folder of src/ is in the table', () => {
  const layers = new Set(
    files
      .map(({ path }) => path)
      .filter(path => path.split('/').length > 2)
      .map(layerOf),
  )
  expect([...layers].filter(layer => !(layer in mayImport))).toEqual([])
})

test('what is shipped does not import tests', () => {
  const wrong = files
    .filter(file => !isTest(file))
    .flatMap(importsOf)
    .filter(({ path }) => path.startsWith('test/') || path.endsWith('.test.ts'))
  expect(wrong).toEqual([])
})

test('no file imports itself by a detour', () => {
  const graph = new Map(
    files.map(file => [
      file.path,
      importsOf(file)
        .filter(({ deferred }) => !deferred)
        .map(({ path }) => path),
    ]),
  )
  expect([...graph.keys()].flatMap(path => cycleFrom(path, graph) ?? [])).toEqual([])
})

/** The way from a file back to itself, when there is one and no other file of it comes earlier in the alphabet. */
function cycleFrom(start: string, graph: ReadonlyMap<string, readonly string[]>): string | undefined {
  const seen = new Set<string>()
  const walk = (path: string, way: readonly string[]): string | undefined => {
    for (const next of graph.get(path) ?? []) {
      if (next === start) return [...way, next].join(' → ')
      if (next < start || seen.has(next)) continue
      seen.add(next)
      const found = walk(next, [...way, next])
      if (found) return found
    }
    return undefined
  }
  return walk(start, [start])
}
