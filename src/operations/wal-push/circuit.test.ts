import { describe, expect, test } from 'vitest'
import { limits } from '../../base/limits.ts'
import { circuitAfter, isOpen, type Circuit } from './circuit.ts'

const fault = { code: 'STORAGE_UNAVAILABLE', message: 'no route' } as const

describe('a repository that fails', () => {
  test('is left alone for longer and longer, up to a limit', () => {
    let [circuit, nowMs]: [Circuit | undefined, number] = [undefined, 0]
    const pauses: number[] = []
    for (let i = 0; i < 10; i++) {
      circuit = circuitAfter(circuit, fault, nowMs)
      pauses.push(circuit.tryAgainMs - nowMs)
      nowMs = circuit.tryAgainMs
    }
    expect(pauses.slice(0, 4)).toEqual([1, 2, 4, 8].map(times => times * limits.walCircuitPauseMsFirst))
    expect(pauses.at(-1)).toBe(limits.walCircuitPauseMsMax)
    expect(circuit).toMatchObject({ failures: 10, sinceMs: 0 })
  })

  test('counts once for the pushes that were under way together', () => {
    const first = circuitAfter(undefined, fault, 0)
    expect(circuitAfter(first, { ...fault, message: 'later' }, 10)).toEqual({ ...first, message: 'later' })
  })

  test('is tried again when its time has come, and when the clock went back', () => {
    const circuit = circuitAfter(undefined, fault, 1_000_000)
    expect(isOpen(undefined, 0)).toBe(false)
    expect(isOpen(circuit, 1_000_001)).toBe(true)
    expect(isOpen(circuit, circuit.tryAgainMs)).toBe(false)
    expect(isOpen(circuit, 0)).toBe(false)
  })
})
