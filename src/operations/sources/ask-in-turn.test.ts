import { describe, expect, test } from 'vitest'
import { Fault } from '../../base/fault.ts'
import { systemWorld } from '../../base/world.ts'
import { askInTurn, type Answers } from './ask-in-turn.ts'
import { Outages } from './outages.ts'
import { nowhere } from './trouble.ts'

const { clock } = systemWorld()
const never = new AbortController().signal
const fault = (code: 'STORAGE_UNAVAILABLE' | 'OBJECT_CORRUPT', message = 'it failed'): Fault =>
  new Fault(code, message, { hint: 'A test.' })

type Place = 'has it' | 'has it not' | 'fails' | 'is damaged' | 'hangs' | 'is a bug'

async function answer(place: Place): Promise<string | undefined> {
  switch (place) {
    case 'has it':
      return place
    case 'has it not':
      return undefined
    case 'fails':
      throw fault('STORAGE_UNAVAILABLE')
    case 'is damaged':
      throw fault('OBJECT_CORRUPT')
    case 'is a bug':
      throw new TypeError('a bug')
    case 'hangs':
      return new Promise(() => undefined)
  }
}

async function ask(
  places: readonly Place[],
  hedgeMs = 10_000,
): Promise<Answers<Place, string> & { readonly asked: readonly Place[] }> {
  const asked: Place[] = []
  const answers = await askInTurn(
    places,
    place => {
      asked.push(place)
      return answer(place)
    },
    { clock, hedgeMs },
    never,
  )
  return { ...answers, asked }
}

describe('asking one after another', () => {
  test('ends with the first that has it, and asks no other', async () => {
    const { found, asked } = await ask(['has it', 'fails'])
    expect(found).toEqual({ place: 'has it', value: 'has it' })
    expect(asked).toEqual(['has it'])
  })

  test('goes on where one has it not, fails or is damaged, and tells of the failures', async () => {
    const { found, failures } = await ask(['has it not', 'fails', 'is damaged', 'has it'])
    expect(found?.place).toBe('has it')
    expect(failures.map(({ place }) => place)).toEqual(['fails', 'is damaged'])
  })

  test('finds nothing only when all have answered', async () => {
    expect(await ask(['has it not', 'has it not'])).toMatchObject({ found: undefined, failures: [] })
    const { found, failures } = await ask(['fails', 'has it not'])
    expect(found).toBeUndefined()
    expect(failures).toHaveLength(1)
    expect(await ask([])).toMatchObject({ found: undefined, failures: [] })
  })

  test('does not wait for one that says nothing when the next has it', async () => {
    expect((await ask(['hangs', 'has it'], 5)).found?.place).toBe('has it')
    expect((await ask(['hangs', 'hangs', 'has it not', 'has it'], 5)).found?.place).toBe('has it')
  })

  test('throws what is no matter of the repository', async () => {
    await expect(ask(['is a bug', 'has it'])).rejects.toThrow('a bug')
  })
})

describe('an outage', () => {
  test('is remembered for a while: nobody waits for it again', async () => {
    let now = 0
    let calls = 0
    const outages = new Outages({ monotonicMs: () => now })
    const work = () => {
      calls++
      return Promise.reject(fault('STORAGE_UNAVAILABLE'))
    }
    await expect(outages.unlessOut('a', work)).rejects.toThrow('it failed')
    await expect(outages.unlessOut('a', work)).rejects.toThrow('it failed')
    expect(calls).toBe(1)
    now += 60_000
    await expect(outages.unlessOut('a', work)).rejects.toThrow('it failed')
    expect(calls).toBe(2)
  })

  test('is not what damage is: that is one object only', async () => {
    const outages = new Outages(clock)
    await expect(outages.unlessOut('a', () => Promise.reject(fault('OBJECT_CORRUPT')))).rejects.toThrow()
    expect(await outages.unlessOut('a', () => Promise.resolve(1))).toBe(1)
  })
})

describe('when nobody has it', () => {
  const both = [
    { repository: 'a', fault: fault('OBJECT_CORRUPT', 'x is damaged') },
    { repository: 'b', fault: fault('STORAGE_UNAVAILABLE', 'no answer') },
  ]

  test('each repository and its reason is told, and what to do with one that is out of reach', () => {
    const told = nowhere('x', both, 2)
    expect(told.code).toBe('STORAGE_UNAVAILABLE')
    expect(told.message).toBe('no repository could give x; a: x is damaged; b: no answer')
    expect(told.hint).toContain('Bring b back into reach')
    expect(told.hint).toContain('--without b')
  })

  test('with one repository its own fault says it all', () => {
    expect(nowhere('x', both.slice(0, 1), 1)).toBe(both[0]?.fault)
  })
})
