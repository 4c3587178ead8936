import { describe, expect, test } from 'vitest'
import { healthyFacts } from '../../../test/fakes/server-facts.ts'
import { checkClock, checkServer } from './check-server.ts'

const command = '/usr/bin/holdfast --config /etc/holdfast/holdfast.yaml wal push %p'

function toChange(change: Parameters<typeof healthyFacts>[0]): readonly string[] {
  return checkServer(healthyFacts(change), '/run/postgresql:5432', command)
    .filter(({ state }) => state !== 'ok')
    .map(({ state, message }) => `${state}: ${message}`)
}

describe('a server', () => {
  test('that is set up well gives nothing to change', () => {
    expect(toChange({})).toEqual([])
  })

  test.each<[string, Parameters<typeof healthyFacts>[0], RegExp]>([
    ['wal_level minimal', { walLevel: 'minimal' }, /^problem: wal_level is minimal/],
    ['full_page_writes off', { fullPageWrites: false }, /^problem: full_page_writes is off/],
    ['no page checksums', { dataChecksums: false }, /^advice: page checksums are off/],
    ['archiving off', { archiver: { mode: 'off' } }, /^problem: archive_mode is off/],
    ['no command', { archiver: { command: '' } }, /^problem: archive_command is empty/],
    [
      'a foreign command',
      { archiver: { command: 'cp %p /mnt/%f' } },
      /^advice: archive_command is "cp %p \/mnt\/%f"/,
    ],
    [
      'our command with another configuration',
      { archiver: { command: 'holdfast wal push %p' } },
      /^advice: archive_command is: holdfast wal push %p/,
    ],
    [
      'a secret in the command, which is not shown',
      { archiver: { command: 'AWS_SECRET_ACCESS_KEY=hush holdfast wal push %p' } },
      /^advice: archive_command is: AWS_SECRET_ACCESS_KEY=\*\*\* holdfast wal push %p/,
    ],
    ['no archive_timeout', { archiver: { timeoutMs: 0 } }, /^advice: archive_timeout is 0/],
    [
      'an archive_timeout of days',
      { archiver: { timeoutMs: 2 * 86_400_000 } },
      /^advice: archive_timeout is 48h|^advice: archive_timeout is 2d/,
    ],
    [
      'rights that are missing',
      {
        role: {
          name: 'backup',
          superuser: false,
          replication: false,
          missingGrants: ['GRANT pg_monitor TO backup;'],
        },
      },
      /^problem: the role backup lacks rights/,
    ],
  ])('with %s', (_, change, finding) => {
    expect(toChange(change)).toEqual([expect.stringMatching(finding)])
  })

  test('says which rights to give', () => {
    const role = {
      name: 'backup',
      superuser: false,
      replication: false,
      missingGrants: ['GRANT pg_monitor TO backup;'],
    }
    const findings = checkServer(healthyFacts({ role }), 'x', command)
    expect(findings.find(({ state }) => state === 'problem')?.fix).toContain('GRANT pg_monitor TO backup;')
  })

  test('that is a standby is not asked for an archiver', () => {
    expect(toChange({ inRecovery: true, archiver: { mode: 'off', command: '' } })).toEqual([])
  })
})

describe('clocks', () => {
  test.each([
    [0, 'ok'],
    [1500, 'ok'],
    [-1500, 'ok'],
    [3000, 'problem'],
    [-90_000, 'problem'],
  ])('%i ms apart are %s', (aheadMs, state) => {
    expect(checkClock('the server', aheadMs).state).toBe(state)
  })

  test('are said to be ahead or behind', () => {
    expect(checkClock('the server', -90_000).message).toBe(
      "the clock of the server is 1m 30s behind this host's",
    )
  })
})
