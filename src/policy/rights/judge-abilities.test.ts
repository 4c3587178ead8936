import { describe, expect, test } from 'vitest'
import { abilitiesOf, abilityNames, judgeAbilities, type Abilities, type Ability } from './judge-abilities.ts'
import { roles } from './roles.ts'

const all = Object.keys(abilityNames) as Ability[]
const abilities = (able: readonly Ability[], unknown: readonly Ability[] = []): Abilities =>
  Object.fromEntries(
    all.map(name => [name, unknown.includes(name) ? undefined : able.includes(name)]),
  ) as unknown as Abilities

describe('credentials', () => {
  test('of each role are able to do this, and no more', () => {
    expect(Object.fromEntries(roles.map(role => [role, [...abilitiesOf(role)].join(' ')]))).toEqual({
      writer: 'readWal write',
      restorer: 'readBackups readWal',
      keeper: 'readWal deleteBackups deleteWal',
      auditor: '',
      archivist: 'readBackups readWal',
    })
  })

  test.each(roles)('that fit the %s are found to', role => {
    expect(judgeAbilities(abilities([...abilitiesOf(role)]), role)).toEqual({ beyond: [], missing: [] })
  })

  test.each(roles)('that can do everything are beyond the %s', role => {
    const { beyond, missing } = judgeAbilities(abilities(all), role)
    expect(missing).toEqual([])
    expect(beyond).toEqual(expect.arrayContaining(['overwrite', 'deleteVersions']))
  })

  test('that lack something are told what', () => {
    expect(judgeAbilities(abilities(['readWal']), 'writer').missing).toEqual(['write'])
  })

  test('are not judged by what could not be found out', () => {
    expect(judgeAbilities(abilities(['readWal', 'write'], ['overwrite']), 'writer')).toEqual({
      beyond: [],
      missing: [],
    })
    expect(judgeAbilities(abilities([], all), 'writer')).toEqual({ beyond: [], missing: [] })
  })
})
