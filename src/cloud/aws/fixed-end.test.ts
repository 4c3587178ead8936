/** Which credentials end for good, by where the SDK says they are from. */
import { fromEnv } from '@aws-sdk/credential-providers'
import { afterEach, expect, test, vi } from 'vitest'
import { fixedEnd } from './fixed-end.ts'

const expiration = new Date('2026-03-08T04:00:00Z')
const end = { endMs: expiration.getTime(), isShortLived: true }

afterEach(() => vi.unstubAllEnvs())

test.each([
  ['of the environment', { CREDENTIALS_ENV_VARS: 'g' }, end],
  ['of the configuration', { CREDENTIALS_CODE: 'e' }, end],
  ['of a role', { CREDENTIALS_STS_ASSUME_ROLE: 'i' }, undefined],
  [
    'of a role that is taken on by a fixed key',
    { CREDENTIALS_CODE: 'e', CREDENTIALS_STS_ASSUME_ROLE: 'i' },
    undefined,
  ],
  ['of an instance', { CREDENTIALS_IMDS: '0' }, undefined],
  ['of nobody knows where', {}, undefined],
])('credentials %s', (_, $source, expected) => {
  expect(fixedEnd({ expiration, $source })).toEqual(expected)
})

test('credentials without an end have none', () => {
  expect(fixedEnd({ $source: { CREDENTIALS_ENV_VARS: 'g' } })).toBeUndefined()
  expect(fixedEnd({ expiration: new Date('soon'), $source: { CREDENTIALS_ENV_VARS: 'g' } })).toBeUndefined()
})

test("the SDK's own environment provider is known by its mark", async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  vi.stubEnv('AWS_SESSION_TOKEN', 'token')
  vi.stubEnv('AWS_CREDENTIAL_EXPIRATION', expiration.toISOString())
  expect(fixedEnd(await fromEnv()())).toEqual(end)
})
