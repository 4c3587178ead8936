import { describe, expect, test } from 'vitest'
import { healthyFacts } from '../../../test/fakes/server-facts.ts'
import { foreignArchiving, planSettings } from './settings-plan.ts'

const command = '/usr/bin/holdfast --config /etc/holdfast/holdfast.yaml wal push %p'

function planned(change: Parameters<typeof healthyFacts>[0], inFiles?: ReadonlyMap<string, string>) {
  return planSettings(healthyFacts(change), command, inFiles)
}

describe('the settings that PostgreSQL needs', () => {
  test('are none when all is as it should be', () => {
    expect(planned({})).toEqual([])
  })

  test('of a fresh server are archiving by our command, at least once a minute', () => {
    const changes = planned({ archiver: { mode: 'off', command: '', timeoutMs: 0 } })
    expect(changes.map(({ name, wanted, restart }) => [name, wanted, restart])).toEqual([
      ['archive_mode', 'on', true],
      ['archive_command', command, false],
      ['archive_timeout', '60s', false],
    ])
  })

  test.each([
    ['wal_level minimal is raised', { walLevel: 'minimal' }, 'wal_level'],
    [
      'an archive_library is taken away, since it hides the command',
      { archiver: { library: 'basic_archive' } },
      'archive_library',
    ],
    [
      'a command with another configuration is replaced',
      { archiver: { command: 'holdfast --config /other wal push %p' } },
      'archive_command',
    ],
  ])('%s', (_, change, name) => {
    expect(planned(change).map(each => each.name)).toEqual([name])
  })

  test('archive_mode = always and a longer archive_timeout are left as they are', () => {
    expect(planned({ archiver: { mode: 'always', timeoutMs: 600_000 } })).toEqual([])
  })

  test('those that stand in the files already are known to wait', () => {
    const changes = planned({ archiver: { mode: 'off', command: '' } }, new Map([['archive_mode', 'on']]))
    expect(changes.map(({ name, waiting }) => [name, waiting])).toEqual([
      ['archive_mode', true],
      ['archive_command', false],
    ])
  })
})

describe('archiving by another program', () => {
  test.each([
    ['none while archiving is off', { mode: 'off', command: 'pgbackrest archive-push %p' }, undefined],
    ['none when the command is ours', {}, undefined],
    ['none when there is no command', { command: '' }, undefined],
    [
      'a foreign command',
      { command: 'pgbackrest archive-push %p' },
      "archive_command = 'pgbackrest archive-push %p'",
    ],
    ['a library', { library: 'walg_archive' }, "archive_library = 'walg_archive'"],
  ] as const)('%s', (_, archiver, found) => {
    expect(foreignArchiving(healthyFacts({ archiver }))).toBe(found)
  })
})
