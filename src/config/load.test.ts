import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig, parseConfig } from './load.ts'

const smallest = `
cluster: gathr
postgres: { connection: host=/run/postgresql }
repositories:
  main: { url: 'file:///srv/backups', encryption: none }
`

function mistakesOf(text: string): string {
  try {
    parseConfig(text, 'holdfast.yaml')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'none'
}

describe('a configuration that is right', () => {
  test('has its defaults filled in', () => {
    expect(parseConfig(smallest, 'holdfast.yaml')).toMatchObject({
      cluster: 'gathr',
      repositories: { main: { url: 'file:///srv/backups', encryption: 'none' } },
      compression: { level: 3 },
      workers: 'auto',
      backups: { checkpoint: 'fast', walStall: 300_000 },
      wal: { fetchAhead: true },
    })
  })

  test('is frozen', () => {
    const config = parseConfig(smallest, 'holdfast.yaml')
    expect(Object.isFrozen(config)).toBe(true)
    expect(Object.isFrozen(config.repositories['main'])).toBe(true)
  })

  test('takes a duration as people write it', () => {
    expect(parseConfig(`${smallest}backups: { wal_stall: 1h30m }`, 'x').backups.walStall).toBe(5_400_000)
  })

  test('takes a rate as people write it', () => {
    expect(parseConfig(`${smallest}limits: { read: 200MiB/s, network: 1.5 GB/s }`, 'x').limits).toEqual({
      read: 200 * 2 ** 20,
      network: 1.5e9,
    })
    for (const rate of ['200MiB', '10KiB/s', 'fast'])
      expect(mistakesOf(`${smallest}limits: { read: ${rate} }`)).toContain(
        'is not a rate such as 50MiB/s, of at least 1.0 MiB/s',
      )
  })

  test('keeps the order of repositories: the first is the usual one', () => {
    const text = smallest.replace('  main:', '  zebra: { url: file:///z, encryption: none }\n  main:')
    expect(Object.keys(parseConfig(text, 'x').repositories)).toEqual(['zebra', 'main'])
  })

  test('never shows a secret', () => {
    const config = parseConfig(smallest.replace('host=', 'password=hunter2 host='), 'x')
    expect(JSON.stringify(config)).not.toContain('hunter2')
  })
})

describe('a mistake is named with its place', () => {
  test.each([
    [
      'an unknown key, with the nearest known one',
      'workrs: 3',
      'holdfast.yaml:6:1: workrs is not a known key; did you mean "workers"?',
    ],
    [
      'an unknown key like no other',
      'zzz: 3',
      /6:1: zzz is not a known key; known here: cluster, postgres, /,
    ],
    ['a number out of range', 'compression: { level: 99 }', /6:23: compression\.level must be at most 19/],
    [
      'a word that is none of the choices',
      'backups: { checkpoint: slow }',
      /backups\.checkpoint must be "fast" or "spread"/,
    ],
    ['a value of none of the forms', 'workers: lots', /6:10: workers must be "auto" or a number/],
    ['no duration', 'backups: { wal_stall: soon }', /wal_stall is not a duration such as 90s, 1h30m or 7d/],
    [
      'a number for a duration',
      'objectives: { rpo: 3600 }',
      /rpo is not a duration such as 90s, 1h30m or 7d/,
    ],
    ['a number for a rate', 'limits: { read: 10 }', /read is not a rate such as 50MiB\/s, of at least 1/],
    [
      'a place that is near another',
      'retention: { time_zone: Europe/Berln }',
      'retention.time_zone is not a time zone; did you mean "Europe/Berlin"?',
    ],
    [
      'a place like no other',
      'agent: { time_zone: Xyz }',
      /is not a time zone such as Europe\/Berlin or UTC/,
    ],
    ['a key given twice', 'cluster: again', /6:1: Map keys must be unique/],
    ['a section that is no mapping', 'wal: 3', /6:6: wal must be a mapping/],
  ])('%s', (_, line, message) => {
    expect(mistakesOf(`${smallest}${line}\n`)).toMatch(message)
  })

  test('a folder that is written as a path is told how it is written', () => {
    expect(mistakesOf(smallest.replace(/url: \S+?(?=[,\s}])/, 'url: /srv/backups'))).toContain(
      'repositories.main.url is not a URL: s3://bucket/prefix, say, or file:///srv/backups for a folder',
    )
  })

  test.each(['https://::1:9000', 'localhost:9000', 'https://'])(
    'the endpoint %s is told how it is written',
    given => {
      const text = smallest.replace('encryption: none', `encryption: none, endpoint: "${given}"`)
      expect(mistakesOf(text)).toMatch(/repositories\.main\.endpoint is not a URL: http.*IPv6 in brackets/)
      expect(mistakesOf(text).match(/is not a URL/g)).toHaveLength(1)
    },
  )

  test('what is missing is told where it should be', () => {
    expect(mistakesOf('cluster: gathr\nrepositories: {}\npostgres:\n  data_directory: /x\n')).toContain(
      'holdfast.yaml:4:3: postgres.connection is missing',
    )
  })

  test('in the encryption of a repository, the form that was meant is checked', () => {
    const text = smallest.replace('encryption: none', 'encryption: { recipients: [nonsense], identiti: x }')
    expect(mistakesOf(text)).toContain('repositories.main.encryption.recipients[0] is not an age recipient')
    expect(mistakesOf(text)).toContain(
      'repositories.main.encryption.identiti is not a known key; did you mean "identity"?',
    )
  })

  test('several are told at once, in the order of the file', () => {
    expect(mistakesOf('workers: 0\ncluster: Gathr\n')).toMatch(
      /has 4 mistakes\n.*:1:1: postgres.*\n.*:1:1: repo.*\n.*:1:10: workers.*\n.*:2:10: cluster/,
    )
  })

  test('jobs are commands: words may be quoted, and expire has its consent by being stated', () => {
    const { jobs } = parseConfig(
      `${smallest}jobs: { expire: daily, d: { at: daily, run: 'dump --label "a b"' } }\n`,
      'holdfast.yaml',
    )
    expect(jobs['expire']).toMatchObject({ kind: 'expire', command: ['expire', '--yes'] })
    expect(jobs['d']).toMatchObject({ kind: 'dump', command: ['dump', '--label', 'a b'] })
  })

  test('jobs are told with the nearest word that is right', () => {
    const jobs = 'jobs:\n  backup: dayly at 02:00\n  nightly: daily\n  verify: { at: daily, windw: 1 }\n'
    const told = mistakesOf(smallest + jobs)
    expect(told).toContain('jobs.backup has "dayly", where a day')
    expect(told).toContain('did you mean "daily"?')
    // What is right otherwise is looked at, too.
    expect(told).toContain('jobs.nightly says no `run`, and its name is no command')
    expect(told).toContain('jobs.verify.windw is not a known key; did you mean "window"?')
    expect(mistakesOf(`${smallest}jobs: { nightly: daily }\n`)).toContain(
      'jobs.nightly says no `run`, and its name is no command that can be a job; known are',
    )
    expect(mistakesOf(`${smallest}jobs: { n: { at: daily, run: bakup } }\n`)).toContain(
      'did you mean "backup"?',
    )
    expect(mistakesOf(`${smallest}jobs: { backup: { at: daily, window: 25:00-03:00 } }\n`)).toContain(
      'jobs.backup.window has "25:00", which is not a time of the day',
    )
  })

  test('an empty file misses everything', () => {
    expect(mistakesOf('')).toMatch(/cluster is missing.*\n.*postgres is missing.*\n.*repositories is missing/)
  })

  test('a variable outside of a secret is refused, not taken literally', () => {
    expect(mistakesOf(smallest.replace('/srv/backups', '/srv/${NAME}'))).toMatch(
      /url has \$\{…\}, which is replaced in secrets only/,
    )
  })
})

test('a file that does not exist is told apart from one that can not be read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-config-'))
  await expect(loadConfig(join(folder, 'none.yaml'))).rejects.toMatchObject({ code: 'CONFIG_MISSING' })
  await expect(loadConfig(folder)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  writeFileSync(join(folder, 'holdfast.yaml'), smallest)
  expect((await loadConfig(join(folder, 'holdfast.yaml'))).config.cluster).toBe('gathr')
})
