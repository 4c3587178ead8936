/**
 * Listings come in pages. Everything above relies on the order of the keys' UTF-8 bytes: a page that comes in another
 * one (emulators sort as JavaScript does) is sorted, and pages that overlap are a fault rather than a wrong order.
 */
import { Fault } from '../../../base/fault.ts'
import { compareKeys, type KeyRange } from '../../key.ts'
import type { ObjectInfo } from '../../storage.ts'

export async function* ascending(
  pages: AsyncIterable<readonly ObjectInfo[]>,
  { isIn }: Pick<KeyRange, 'isIn'>,
  location: string,
): AsyncGenerator<ObjectInfo, void, undefined> {
  let last: string | undefined
  for await (const page of pages) {
    for (const info of page.filter(({ key }) => isIn(key)).toSorted((a, b) => compareKeys(a.key, b.key))) {
      if (last !== undefined && compareKeys(last, info.key) >= 0) throw outOfOrder(location, last, info.key)
      last = info.key
      yield info
    }
  }
}

function outOfOrder(location: string, first: string, second: string): Fault {
  return new Fault('STORAGE_UNSUPPORTED', `${location} lists ${second} after ${first}`, {
    hint: 'Use a storage that lists its objects in the order of their names; one with a hierarchical namespace does not.',
  })
}
