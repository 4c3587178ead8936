import { describe, expect, test } from 'vitest'
import { silentProgress } from '../../base/progress.ts'
import { MiB, minute } from '../../base/units.ts'
import { simWorld } from '../../base/world.ts'
import { awaitWal, segmentsOf, type WalWaitDeps } from './await-wal.ts'

const never = new AbortController().signal
const span = {
  first: '0000000100000000000000FE',
  last: '000000010000000100000001',
  segmentSizeBytes: 16 * MiB,
}

function deps(more: Partial<WalWaitDeps>): WalWaitDeps {
  return {
    clock: simWorld().clock,
    progress: silentProgress,
    isStored: async () => true,
    lastArchived: async () => undefined,
    diagnose: async () => undefined,
    stallMsMax: 5 * minute,
    ...more,
  }
}

test('the segments of a span cross the border of the name', () => {
  expect([...segmentsOf(span)]).toEqual([
    '0000000100000000000000FE',
    '0000000100000000000000FF',
    '000000010000000100000000',
    '000000010000000100000001',
  ])
})

describe('the wait for WAL', () => {
  test('ends at once when everything is there', async () => {
    await awaitWal(deps({}), span, never)
  })

  test('goes on for hours as long as the archiver moves', async () => {
    const { clock } = simWorld()
    const arrived = (): boolean => clock.now() > 180 * minute
    await awaitWal(
      deps({
        clock,
        isStored: async () => arrived(),
        lastArchived: async () => String(Math.floor(clock.now() / minute)),
      }),
      span,
      never,
    )
    expect(clock.now()).toBeGreaterThan(180 * minute)
  })

  test('gives up when nothing moves, and names the cause and what to do', async () => {
    const waiting = awaitWal(
      deps({
        isStored: async name => name.endsWith('FE'),
        diagnose: async () => ({ message: 'archiving fails: exit status 30', hint: 'Mend it.' }),
      }),
      span,
      never,
    )
    await expect(waiting).rejects.toMatchObject({
      code: 'WAL_TIMEOUT',
      hint: 'Mend it.',
      message: expect.stringMatching(/0000000100000000000000FF .* archiving fails: exit status 30/) as string,
    })
  })
})
