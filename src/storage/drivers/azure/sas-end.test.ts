/** What a SAS says of its own end. */
import { expect, test } from 'vitest'
import { sasEnd } from './sas-end.ts'

const endMs = Date.parse('2026-03-08T04:00:00Z')

test.each([
  ['no SAS', '', undefined],
  ['a SAS of a policy, which says nothing', 'sv=2024-11-04&si=backups&sr=c&sig=x', undefined],
  ['one without a beginning', 'se=2026-03-08T04:00:00Z&sig=x', { endMs, isShortLived: false }],
  ['one for a year', 'st=2025-03-08T04:00:00Z&se=2026-03-08T04:00:00Z&sig=x', { endMs, isShortLived: false }],
  ['one for a day', 'st=2026-03-07T04:00:00Z&se=2026-03-08T04:00:00Z&sig=x', { endMs, isShortLived: true }],
  [
    'one by days',
    'st=2026-03-01&se=2026-03-08&sig=x',
    { endMs: Date.parse('2026-03-08'), isShortLived: true },
  ],
  [
    "one of a user, which ends with the user's key",
    'se=2027-01-01&skoid=1&ske=2026-03-08T04:00:00Z&sig=x',
    { endMs, isShortLived: true },
  ],
])('%s', (_, query, expected) => {
  expect(sasEnd(new URL(`https://account.blob.core.windows.net/backups?${query}`))).toEqual(expected)
})
