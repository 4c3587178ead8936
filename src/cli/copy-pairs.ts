/** Decides which repository is filled from which, by the configuration and the command line. */
import { nearest } from '../base/nearest.ts'
import type { Config } from '../config/config.ts'
import { usageFault } from './usage.ts'

export interface CopyPair {
  readonly from: string
  readonly to: string
}

interface Asked {
  readonly from: string | undefined
  readonly to: string | undefined
}

export function copyPairs(repositories: Config['repositories'], { from, to }: Asked): readonly CopyPair[] {
  for (const name of [from, to]) if (name !== undefined) assertKnown(name, Object.keys(repositories))
  const declared = Object.entries(repositories).flatMap(([name, { copyOf }]) =>
    copyOf === undefined ? [] : [{ from: copyOf, to: name }],
  )
  for (const pair of declared) assertDeclared(pair, repositories)
  if (from === undefined && to === undefined) return all(declared)
  if (from !== undefined && to !== undefined) return [different({ from, to })]
  if (to !== undefined) return [{ from: sourceOf(to, declared, repositories), to }]
  const copies = declared.filter(pair => pair.from === from)
  if (copies.length > 0) return copies
  throw usageFault(`no repository is a copy of "${String(from)}"`, 'Name the one to be filled: --to NAME.')
}

function all(declared: readonly CopyPair[]): readonly CopyPair[] {
  if (declared.length === 0)
    throw usageFault(
      'no repository of the configuration is a copy of another',
      'Say `copy_of: main` in the one to be filled, or name both: --from NAME --to NAME.',
    )
  return sourcesFirst(declared)
}

/** A copy of a copy is filled after that. */
function sourcesFirst(declared: readonly CopyPair[]): readonly CopyPair[] {
  const ordered: CopyPair[] = []
  for (let left = declared; left.length > 0;) {
    const ready = left.filter(({ from }) => !left.some(({ to }) => to === from))
    if (ready.length === 0)
      throw usageFault(
        `${left.map(({ to }) => `"${to}"`).join(' and ')} are copies of one another`,
        'One of them has to be written by backups: take its `copy_of` out.',
      )
    ordered.push(...ready)
    left = left.filter(pair => !ready.includes(pair))
  }
  return ordered
}

function sourceOf(to: string, declared: readonly CopyPair[], repositories: Config['repositories']): string {
  const from =
    declared.find(pair => pair.to === to)?.from ?? Object.keys(repositories).find(name => name !== to)
  if (from !== undefined) return from
  throw usageFault(
    `there is no other repository than "${to}"`,
    'Add the one to copy from to the configuration.',
  )
}

function assertDeclared({ from, to }: CopyPair, repositories: Config['repositories']): void {
  if (from !== to && from in repositories) return
  throw usageFault(
    `repositories.${to}.copy_of names "${from}", which is ${from === to ? 'itself' : 'no repository'}`,
    `Give one of: ${Object.keys(repositories)
      .filter(name => name !== to)
      .join(', ')}.`,
  )
}

function different(pair: CopyPair): CopyPair {
  if (pair.from !== pair.to) return pair
  throw usageFault(`"${pair.from}" can not be copied to itself`, 'Name two repositories.')
}

function assertKnown(name: string, known: readonly string[]): void {
  if (known.includes(name)) return
  const near = nearest(name, known)
  throw usageFault(
    `there is no repository "${name}"`,
    near === undefined ? `Give one of: ${known.join(', ')}.` : `Did you mean ${near}?`,
  )
}
