/**
 * What every storage driver must do. A driver is finished when this passes against a real service of its kind.
 *
 * The parts of the contract are the other files of this folder.
 */
import { afterAll, beforeAll, describe } from 'vitest'
import type { Storage } from '../../src/storage/storage.ts'
import { copyingIsRefusedInWords, objectsAreCopiedInside } from './copying.ts'
import { callsCanBeStopped, deletionIsCalm } from './ending.ts'
import { largeRacesHaveOneWinner, objectsMayBeLarge } from './large.ts'
import { listsAreOrdered } from './listing.ts'
import { locksHold } from './locks.ts'
import { objectsAreWrittenOnce, racesHaveOneWinner } from './once.ts'
import { objectsAreReadInRanges } from './reading.ts'
import { writersPublishOnCommit } from './writing.ts'

export interface ContractOptions {
  /** The server does not refuse a second write by itself: the driver looks first, and a race has no single winner. */
  readonly unconditional?: string
  /** Large objects are tried, too: every driver of a real storage has to be. */
  readonly large?: boolean
  /** It copies inside itself, and its own hashes vouch for it, or not. */
  readonly copies?: 'proven' | 'unproven' | 'unsupported'
}

export function storageContract(
  name: string,
  open: () => Promise<Storage>,
  { unconditional, large = false, copies }: ContractOptions = {},
): void {
  describe(`storage contract: ${name}`, () => {
    let storage: Storage
    beforeAll(async () => {
      storage = await open()
    })
    afterAll(() => storage.close())
    const s = (): Storage => storage

    objectsAreWrittenOnce(s)
    if (unconditional === undefined) racesHaveOneWinner(s)
    else console.warn(`left out: races for a key on ${name}: ${unconditional}`)
    objectsAreReadInRanges(s)
    writersPublishOnCommit(s)
    if (large) objectsMayBeLarge(s)
    if (large && unconditional === undefined) largeRacesHaveOneWinner(s)
    listsAreOrdered(s)
    deletionIsCalm(s)
    callsCanBeStopped(s)
    locksHold(s)
    if (copies === 'unsupported') copyingIsRefusedInWords(s)
    else if (copies) objectsAreCopiedInside(s, { proves: copies === 'proven', large })
  })
}
