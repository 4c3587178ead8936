import { expect, test } from 'vitest'
import { day } from '../base/units.ts'
import { privacyMarkdown, privacyText, rulesInWords } from './describe-privacy.ts'
import type { PrivacyReport } from './privacy-report.ts'

const report: PrivacyReport = {
  cluster: 'gathr',
  at: '2026-03-01T02:00:00.250Z',
  places: [
    {
      name: 'main',
      location: 's3://gathr-backups/postgres',
      provider: 'S3',
      region: 'eu-central-1',
      copyOf: null,
      recipients: ['age1one', 'age1two'],
      kept: ['backups: 30 d'],
      lock: 'compliance',
      holds: { backups: 3, dumps: 1, oldest: '2026-02-01T02:00:00.000Z' },
    },
    {
      name: 'second',
      location: 'file:///srv/back_ups',
      provider: 'a folder of this host, or a mount',
      region: null,
      copyOf: 'main',
      recipients: [],
      kept: ['backups: the last 3'],
      lock: null,
      holds: null,
    },
  ],
  readers: {
    trail: '/var/lib/holdfast/gathr/audit',
    isOfAllHosts: true,
    people: [
      {
        who: 'alice as postgres@db2',
        times: 2,
        last: '2026-02-20T08:00:00.000Z',
        verbs: ['restore', 'verify'],
      },
    ],
  },
  erasures: { inForce: 2, withdrawn: 1, restores: 4, skipped: 1 },
}

test('every place is told with who can open it, also where nothing keeps anybody from it', () => {
  const text = privacyText(report)
  expect(text).toContain('s3://gathr-backups/postgres (S3, region eu-central-1)')
  expect(text).toContain('whoever has the secret key of age1one, age1two')
  expect(text).toContain('NOT ENCRYPTED by Holdfast')
  expect(text).toContain('not known: it could not be read')
  expect(text).toMatch(/alice as postgres@db2 +2 +2026-02-20 08:00:00\+00:00 +restore, verify/)
  expect(text).toContain('2 requests in force, 1 withdrawn; 4 restores looked at them, 1 left them out')
})

test('whose trails were read is told: of all hosts, of this one, or nobody’s', () => {
  const told = (readers: Partial<PrivacyReport['readers']>): string =>
    privacyText({ ...report, readers: { ...report.readers, ...readers } })
  expect(told({})).toContain('by the audit trails of all hosts')
  expect(told({ isOfAllHosts: false })).toContain('of this host alone, /var/lib/holdfast/gathr/audit')
  expect(told({ isOfAllHosts: false, trail: undefined, people: [] })).toContain('not known')
})

test('the page has what a record of processing asks for, and leaves open what only people know', () => {
  const page = privacyMarkdown(report)
  const headings = page.split('\n').filter(line => line.startsWith('#'))
  expect(headings).toEqual([
    '# Record of processing: backups of gathr',
    '## Where backups lie, and who can open them',
    '## Time limits for erasure',
    '## Who opened data',
    '## Requests to forget',
    '## Measures',
  ])
  expect(page).toContain('| Purpose |')
  expect(page).toContain('(fill in')
  expect(page).toContain('file:///srv/back\\_ups')
  for (const line of page.split('\n').filter(one => one.startsWith('|'))) expect(line).toMatch(/\|$/)
})

test('rules are told as people say them', () => {
  const rules = {
    minimum: 2,
    timeZone: 'UTC',
    daily: 7,
    monthly: 12,
    dumps: { withinMs: 30 * day },
    walMs: 7 * day,
  }
  expect(rulesInWords(rules)).toEqual([
    'backups: 7 daily, 12 monthly',
    'dumps: 30d',
    'WAL: 7d',
    'never fewer than 2 good backups',
  ])
  expect(rulesInWords({ minimum: 1, timeZone: 'UTC' })[0]).toBe('backups: for ever: no rule lets them go')
})
