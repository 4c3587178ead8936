import { describe, expect, test } from 'vitest'
import type { Abilities } from '../../../policy/rights/judge-abilities.ts'
import { judgeProof } from './check-write-once.ts'
import { judgeRights, type RightsToJudge } from './judge-rights.ts'

const nothing: Abilities = {
  readBackups: false,
  readWal: false,
  write: false,
  overwrite: false,
  deleteBackups: false,
  deleteWal: false,
  deleteVersions: false,
}
const everything = Object.fromEntries(Object.keys(nothing).map(name => [name, true])) as unknown as Abilities
const writer: Abilities = { ...nothing, readWal: true, write: true }

function told(change: Partial<RightsToJudge>): readonly string[] {
  const given = { name: 'main', policy: 'iam', rights: 'writer', abilities: writer, versioned: true } as const
  return judgeRights({ ...given, ...change }).map(({ state, message }) => `${state}: ${message}`)
}

describe('credentials', () => {
  test('that fit their role are fine', () => {
    expect(told({})).toEqual([
      'ok: the credentials for main can do what a writer needs, and nothing beyond it',
    ])
  })

  test('that can do more are told what, and with which policy to take it away', () => {
    const abilities = { ...writer, readBackups: true, deleteBackups: true }
    expect(told({ abilities })).toEqual([
      'problem: the credentials for main are meant for a writer, and can also read backups, delete backups',
    ])
    const [finding] = judgeRights({
      name: 'main',
      policy: 'gcs',
      rights: 'writer',
      abilities,
      versioned: true,
    })
    expect(finding?.fix).toContain('holdfast policy gcs --role writer')
  })

  test('that lack something are told what', () => {
    expect(told({ abilities: { ...writer, write: false } })).toEqual([
      'problem: the credentials for main are meant for a writer, and can not write backups',
    ])
  })

  test.each([
    [true, /^advice: .*the older version stays/],
    [false, /^problem: .*no older version stays/],
    [undefined, /^problem: .*no older version stays/],
  ])('that can overwrite, with versions: %s', (versioned, expected) => {
    expect(told({ abilities: { ...writer, overwrite: true }, versioned })).toEqual([
      expect.stringMatching(expected),
    ])
  })

  test('without a stated role are told plainly, and what a thief could do', () => {
    expect(told({ rights: undefined })).toEqual([
      'ok: the credentials for main can read WAL, write backups; not read backups, overwrite what is there, delete backups, delete WAL, delete older versions (say what they are meant for under `rights`, and it is compared)',
    ])
    expect(told({ rights: undefined, abilities: everything })).toEqual([
      expect.stringMatching(/^ok: .* can read backups, read WAL, write backups/),
      expect.stringMatching(
        /^advice: whoever steals the credentials for main .* can delete every backup, for good/,
      ),
    ])
  })

  test('that may do everything on purpose are warned of only where nothing would be left', () => {
    expect(told({ rights: 'all', abilities: everything })).toHaveLength(2)
    expect(told({ rights: 'all', abilities: { ...everything, deleteVersions: false } })).toHaveLength(1)
    expect(
      told({ rights: 'all', abilities: { ...everything, deleteVersions: false }, versioned: false }),
    ).toHaveLength(2)
  })
})

describe('the proof that a second write is refused', () => {
  const proof = { put: undefined, upload: undefined, tidy: true, unlisted: [] }
  const states = (change: object, looksFirst = false): readonly string[] =>
    judgeProof('main', 's3://b', { ...proof, ...change }, looksFirst).map(({ state }) => state)

  test('is fine, also when its probes have to stay', () => {
    expect(states({})).toEqual(['ok'])
    const [finding] = judgeProof('main', 's3://b', { ...proof, tidy: false }, false)
    expect(finding?.message).toMatch(/its probes stay/)
  })

  test('that fails is a problem, with the fallback in its fix', () => {
    const [finding] = judgeProof('main', 's3://b', { ...proof, put: 'two succeeded' }, false)
    expect(finding).toMatchObject({ state: 'problem' })
    expect(finding?.fix).toContain('write_once: check under repositories.main')
  })

  test('is advised each time where the fallback was chosen', () => {
    expect(states({}, true)).toEqual(['advice'])
  })

  test('finds a listing that is behind', () => {
    expect(states({ unlisted: ['x'] })).toEqual(['ok', 'problem'])
  })
})
