/** Compares what credentials can do with what their role should be able to do. Decides only. */
import { rightsOf, type Role } from './roles.ts'

/** Undefined: it could not be found out. */
export interface Abilities {
  readonly readBackups: boolean | undefined
  readonly readWal: boolean | undefined
  readonly write: boolean | undefined
  readonly overwrite: boolean | undefined
  readonly deleteBackups: boolean | undefined
  readonly deleteWal: boolean | undefined
  readonly deleteVersions: boolean | undefined
}
export type Ability = keyof Abilities

export const abilityNames: Readonly<Record<Ability, string>> = {
  readBackups: 'read backups',
  readWal: 'read WAL',
  write: 'write backups',
  overwrite: 'overwrite what is there',
  deleteBackups: 'delete backups',
  deleteWal: 'delete WAL',
  deleteVersions: 'delete older versions',
}

export interface AbilityVerdict {
  /** Able, and should not be. */
  readonly beyond: readonly Ability[]
  /** Not able, and should be. */
  readonly missing: readonly Ability[]
}

export function judgeAbilities(abilities: Abilities, role: Role): AbilityVerdict {
  const wanted = abilitiesOf(role)
  const names = Object.keys(abilityNames) as Ability[]
  return {
    beyond: names.filter(name => abilities[name] === true && !wanted.has(name)),
    missing: names.filter(name => abilities[name] === false && wanted.has(name)),
  }
}

/** Nobody is meant to overwrite, or to delete older versions. */
export function abilitiesOf(role: Role): ReadonlySet<Ability> {
  const { read, write, delete: remove } = rightsOf[role]
  const readsAll = read.includes('everything')
  const wanted: readonly (readonly [Ability, boolean])[] = [
    ['readBackups', readsAll || read.includes('packs')],
    ['readWal', readsAll || read.includes('wal')],
    ['write', write.includes('backups')],
    ['deleteBackups', remove.includes('backups')],
    ['deleteWal', remove.includes('wal')],
  ]
  return new Set(wanted.filter(([, isWanted]) => isWanted).map(([name]) => name))
}
