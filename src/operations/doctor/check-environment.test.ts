import { expect, test } from 'vitest'
import { parseConfig } from '../../config/load.ts'
import { checkEnvironment } from './check-environment.ts'

const command = 'holdfast wal push %p'
const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'hush' }

function found(
  repository: object,
  ours: Readonly<Record<string, string>>,
  servers: Readonly<Record<string, string>> = {},
  given = command,
): readonly string[] {
  const text = JSON.stringify({
    cluster: 'gathr',
    postgres: { connection: 'host=/run/postgresql' },
    repositories: { main: { url: 's3://bucket/pg', encryption: 'none', ...repository } },
  })
  const config = parseConfig(text, 'holdfast.yaml')
  return checkEnvironment(config, ours, { pid: 7, variables: servers }, given).map(
    ({ state, message }) => `${state}: ${message}`,
  )
}

test('credentials that only this shell has are told, and never shown', () => {
  const [finding = '', ...more] = found({}, keys)
  expect(more).toEqual([])
  expect(finding).toMatch(
    /^advice: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY are set here and not in PostgreSQL's environment \(process 7\)/,
  )
  expect(finding).not.toContain('hush')
})

test('what the configuration asks for by name has to be there', () => {
  const credentials = { access_key_id: '${BACKUP_ID}', secret_access_key: { file: 'secret' } }
  expect(found({ credentials }, { BACKUP_ID: 'id' })).toEqual([
    expect.stringMatching(/^problem: BACKUP_ID, which repositories\.main asks for, is set here and not in/),
  ])
  expect(found({ credentials }, { BACKUP_ID: 'id' }, { BACKUP_ID: 'id' })).toEqual([])
})

test.each([
  ['the server has them, too', {}, keys, keys, command],
  ['the server has others of its own', {}, keys, { AWS_PROFILE: 'backup' }, command],
  ['the command sets them', {}, { AWS_PROFILE: 'x' }, {}, `AWS_PROFILE=x ${command}`],
  ['this shell has none', {}, { AWS_PROFILE: '' }, {}, command],
  ['they are for another kind of storage', { url: 'file:///srv/backups' }, keys, {}, command],
])('nothing is said where %s', (_, repository, ours, servers, given) => {
  expect(found(repository, ours, servers, given)).toEqual([])
})
