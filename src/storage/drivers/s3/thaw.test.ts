import { expect, test } from 'vitest'
import { stateOf } from './thaw.ts'

const looked = (storageClass: string | undefined, restore?: string, archiveStatus?: string) =>
  stateOf({ info: { key: 'k', sizeBytes: 7, modifiedMs: 0, storageClass }, restore, archiveStatus })

test.each([
  [undefined, undefined, undefined, 'readable'],
  ['STANDARD_IA', undefined, undefined, 'readable'],
  ['GLACIER_IR', undefined, undefined, 'readable'],
  ['GLACIER', undefined, undefined, 'cold'],
  ['DEEP_ARCHIVE', undefined, undefined, 'cold'],
  ['DEEP_ARCHIVE', 'ongoing-request="true"', undefined, 'thawing'],
  ['GLACIER', 'ongoing-request="false", expiry-date="Fri, 21 Dec 2035 00:00:00 GMT"', undefined, 'readable'],
  ['INTELLIGENT_TIERING', undefined, undefined, 'readable'],
  ['INTELLIGENT_TIERING', undefined, 'ARCHIVE_ACCESS', 'cold'],
  ['INTELLIGENT_TIERING', 'ongoing-request="true"', 'DEEP_ARCHIVE_ACCESS', 'thawing'],
  ['GLACIER', 'something else', undefined, 'cold'],
])('%s with %j and %j is %s', (storageClass, restore, archiveStatus, expected) => {
  expect(looked(storageClass, restore, archiveStatus).is).toBe(expected)
})

test('until when a thawed one can be read is told', () => {
  const until = 'Fri, 21 Dec 2035 00:00:00 GMT'
  expect(looked('GLACIER', `ongoing-request="false", expiry-date="${until}"`).readableUntilMs).toBe(
    Date.parse(until),
  )
})
