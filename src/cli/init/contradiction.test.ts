import { expect, test } from 'vitest'
import { Secret } from '../../base/secret.ts'
import type { Config } from '../../config/config.ts'
import type { GivenAnswers } from './answers.ts'
import { contradictionOf } from './contradiction.ts'

const nothing: GivenAnswers = {
  cluster: undefined,
  connection: undefined,
  repository: undefined,
  noEncryption: false,
  yes: true,
}
const config = {
  cluster: 'gathr',
  postgres: { connection: { kind: 'text', text: new Secret('host=/run/postgresql') } },
  repositories: {
    main: { url: 'file:///srv/backups', encryption: { recipients: ['age1a'] } },
    plain: { url: 'file:///srv/plain', encryption: 'none' },
    far: {
      url: 's3://bucket/pg',
      encryption: { recipients: ['age1a'] },
      region: 'eu-central-1',
      pathStyle: true,
    },
  },
} as unknown as Config

test('the same answers once more are no contradiction, nor is giving none', () => {
  const same = {
    ...nothing,
    cluster: 'gathr',
    connection: 'host=/run/postgresql',
    repository: '/srv/backups',
  }
  expect(contradictionOf(same, config)).toBeUndefined()
  expect(
    contradictionOf({ ...same, repository: 'file:///srv/plain', noEncryption: true }, config),
  ).toBeUndefined()
  expect(contradictionOf(nothing, config)).toBeUndefined()
})

test('how to reach object storage is compared, too', () => {
  const far = { ...nothing, repository: 's3://bucket/pg', region: 'eu-central-1' }
  expect(contradictionOf({ ...far, pathStyle: true }, config)).toBeUndefined()
  expect(contradictionOf(far, config)).toBeUndefined()
  expect(contradictionOf({ ...far, region: 'us-east-1' }, config)).toBe('--region')
  expect(contradictionOf({ ...far, caFile: 'x' }, config)).toBe('--ca-file')
})

test.each([
  ['--cluster', { cluster: 'other' }],
  ['--connection', { connection: 'host=db1' }],
  ['--repository', { repository: '/srv/elsewhere' }],
  ['--no-encryption', { noEncryption: true }],
] as const)('%s that says something else is named', (option, answers) => {
  expect(contradictionOf({ ...nothing, ...answers }, config)).toBe(option)
})
