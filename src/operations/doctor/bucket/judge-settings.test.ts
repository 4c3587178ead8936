import { describe, expect, test } from 'vitest'
import type { BucketPlace } from '../../../policy/rights/bucket-place.ts'
import type { LifecycleRule } from '../../../storage/bucket-settings.ts'
import type { Finding } from '../finding.ts'
import { placesOf } from '../../rights/places.ts'
import {
  judgeCredentials,
  judgeLifecycle,
  judgeTraits,
  judgeTransport,
  judgeUploads,
} from './judge-settings.ts'

const place: BucketPlace = {
  kind: 's3',
  bucket: 'vault',
  root: 'pg/',
  clusterRoot: 'pg/gathr/',
  places: placesOf('gathr'),
  region: 'eu-central-1',
  endpoint: undefined,
  sealed: true,
  serverSideEncryption: undefined,
  tags: false,
  lock: undefined,
  lockDaysMax: undefined,
  requesterPays: false,
  conditional: true,
}
const told = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ state, message }) => `${state}: ${message}`)

describe('the way to the storage', () => {
  test.each([
    [undefined, true, []],
    ['https://s3.example.com', false, []],
    ['http://127.0.0.1:7480', false, []],
    ['http://localhost:9000', false, []],
    ['http://[::1]:9000', false, []],
    ['http://10.0.0.7:9000', true, [expect.stringMatching(/^advice: .*without TLS/)]],
    ['http://10.0.0.7:9000', false, [expect.stringMatching(/^problem: .*read every page/)]],
  ])('by %s, encrypted: %s', (endpoint, sealed, expected) => {
    expect(told(judgeTransport('main', { ...place, endpoint, sealed }))).toEqual(expected)
  })
})

describe('a bucket', () => {
  test('that keeps versions is fine', () => {
    expect(told(judgeTraits('main', place, { versioned: true }))).toEqual([
      'ok: repository main keeps what is deleted or overwritten',
    ])
  })

  test('without versions gets the command that turns them on', () => {
    const [finding] = judgeTraits('main', place, { versioned: false })
    expect(finding?.state).toBe('advice')
    expect(finding?.fix).toContain('put-bucket-versioning --bucket vault')
  })

  test.each([
    [true, 'ok'],
    [undefined, 'ok'],
    [false, 'problem'],
  ])('whose locks are configured, and that has them: %s', (lockable, state) => {
    const found = judgeTraits('main', { ...place, lock: 'governance' }, { versioned: true, lockable })
    expect(found.map(finding => finding.state)).toEqual(['ok', state])
  })

  test('tells how it encrypts', () => {
    expect(told(judgeTraits('main', place, { versioned: true, encryption: 'aws:kms' }))).toContain(
      'ok: repository main is encrypted by the server: aws:kms',
    )
  })
})

describe('lifecycle rules', () => {
  const rule = (change: Partial<LifecycleRule>): LifecycleRule => ({
    id: 'r',
    enabled: true,
    prefix: '',
    movesTo: [],
    limited: false,
    ...change,
  })
  const aborting = rule({ prefix: 'pg/', abortsUploadsAfterDays: 7 })
  const judge = (...rules: readonly LifecycleRule[]): readonly string[] =>
    told(judgeLifecycle('main', place, [aborting, ...rules]))

  test.each<[string, Partial<LifecycleRule>]>([
    ['for the whole bucket', { expiresAfterDays: 30 }],
    ['for the repository', { prefix: 'pg/', expiresAfterDays: 30 }],
    ['for a folder of it', { prefix: 'pg/gathr/wal', expiresAfterDays: 30 }],
  ])('that delete, %s, are a problem', (_, change) => {
    expect(judge(rule(change))).toEqual([
      expect.stringMatching(/^problem: .*deletes what Holdfast keeps.*after 30 days/),
    ])
  })

  test.each<[string, Partial<LifecycleRule>]>([
    ['that is off', { enabled: false, expiresAfterDays: 30 }],
    ['for other names', { prefix: 'logs/', expiresAfterDays: 30 }],
    ['for old claims', { prefix: 'pg/.claims/', expiresAfterDays: 1 }],
    ['for older versions', { noncurrentExpiresAfterDays: 90 }],
  ])('one %s is none of its business', (_, change) => {
    expect(judge(rule(change))).toEqual(['ok: no lifecycle rule touches what is kept in repository main'])
  })

  test('that move to an archive are told of', () => {
    expect(judge(rule({ movesTo: ['DEEP_ARCHIVE'] }))).toEqual([
      expect.stringMatching(/^advice: .*DEEP_ARCHIVE, from where they have to be thawed/),
    ])
    expect(judge(rule({ movesTo: ['STANDARD_IA'] }))).toEqual([expect.stringMatching(/^ok/)])
  })

  test('that are missing are advised', () => {
    expect(told(judgeLifecycle('main', place, []))).toEqual([
      expect.stringMatching(/^advice: no lifecycle rule gives up unfinished uploads/),
    ])
  })
})

const hour = 3_600_000
const nowMs = Date.parse('2026-03-02T00:00:00Z')

test('unfinished uploads are told of when they are older than a day', () => {
  const begun = (...hours: readonly number[]): readonly { key: string; begunMs: number }[] =>
    hours.map(ago => ({ key: 'x', begunMs: nowMs - ago * hour }))
  expect(judgeUploads('main', begun(1, 23), nowMs)).toEqual([])
  expect(told(judgeUploads('main', begun(1, 30, 50), nowMs))).toEqual([
    expect.stringMatching(/^advice: 2 unfinished uploads .* the oldest 2d 02h/),
  ])
})

test('temporary credentials are told with their end', () => {
  expect(judgeCredentials('main', 'never', nowMs)).toEqual([])
  expect(judgeCredentials('main', undefined, nowMs)).toEqual([])
  expect(told(judgeCredentials('main', nowMs + hour, nowMs))).toEqual([
    'ok: the credentials for main are temporary: these end at 2026-03-02 01:00:00+00:00',
  ])
  expect(told(judgeCredentials('main', nowMs - hour, nowMs))).toEqual([
    expect.stringMatching(/^problem: the credentials for main ended at/),
  ])
})
