/** What is said of certificates and credentials, by when they end. */
import { expect, test } from 'vitest'
import { day, hour, minute, second } from '../../base/units.ts'
import { ofEndings } from './judge-endings.ts'

const nowMs = Date.parse('2026-03-08T03:10:00Z')

test.each([
  [22 * day, undefined, /./],
  [21 * day, 'warning', /^the certificate of s3.local:9000 ends in 21d 00h, at 2026-03-29 03:10:00\+00:00$/],
  [3 * day + minute, 'warning', /in 3d 00h/],
  [3 * day, 'critical', /in 3d 00h/],
  [0, 'critical', /ended at 2026-03-08 03:10:00/],
  [-day, 'critical', /^the certificate of s3.local:9000 ended at 2026-03-07 03:10:00\+00:00$/],
])('a certificate that has %i ms left', (leftMs, state, says) => {
  const certificate = { host: 's3.local:9000', endMs: nowMs + leftMs }
  const found = ofEndings([{ repository: 'main', certificate }], nowMs)
  expect(found.map(finding => finding.state)).toEqual(state ? [state] : [])
  for (const finding of found) {
    expect(finding).toMatchObject({
      code: 'certificate-expires',
      repository: 'main',
      subject: 's3.local:9000',
      runbook: 'docs/runbooks/about-to-expire.md',
    })
    expect(finding.message).toMatch(says)
  }
})

test.each([
  ['of a session', true, 2 * hour, undefined, /./],
  [
    'of a session',
    true,
    hour,
    'warning',
    /^its credentials end in 1h 00m, at .*, and do not renew themselves$/,
  ],
  ['of a session', true, second, 'warning', /in 1.0 s/],
  ['of a session', true, 0, 'critical', /^its credentials ended at 2026-03-08 03:10:00\+00:00$/],
  ['that last', false, 22 * day, undefined, /./],
  ['that last', false, 21 * day, 'warning', /in 21d 00h/],
  ['that last', false, 3 * day, 'critical', /in 3d 00h/],
  ['that last', false, -hour, 'critical', /ended at/],
])('credentials %s (short-lived: %s) that have %i ms left', (_, isShortLived, leftMs, state, says) => {
  const credentials = { endMs: nowMs + leftMs, isShortLived }
  const found = ofEndings([{ repository: 'main', credentials }], nowMs)
  expect(found.map(finding => finding.state)).toEqual(state ? [state] : [])
  for (const { code, repository, message } of found) {
    expect([code, repository]).toEqual(['credentials-expire', 'main'])
    expect(message).toMatch(says)
  }
})

test('of what is not known nothing is said', () => {
  expect(ofEndings([{ repository: 'main' }], nowMs)).toEqual([])
})
