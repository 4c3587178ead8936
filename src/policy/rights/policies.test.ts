import { describe, expect, test } from 'vitest'
import { place } from '../../../test/fakes/bucket-place.ts'
import { azureCondition, azureRole } from './azure.ts'
import type { BucketPlace, PolicyNames } from './bucket-place.ts'
import { gcsBindings, gcsRole } from './gcs.ts'
import { iamPolicy, type S3Policy, type Statement } from './iam.ts'
import { lockDaysMax } from './lock-cap.ts'
import { roles, type Role } from './roles.ts'
import { s3BucketPolicy } from './s3-bucket.ts'

const nobody: PolicyNames = { account: undefined, principals: {} }

const statementsOf = (role: Role, changes: Partial<BucketPlace> = {}): readonly Statement[] =>
  (iamPolicy({ ...place, ...changes }, role, nobody).document as S3Policy).Statement

/** As AWS decides, for a request whose conditions are met: denied wins, and what nobody allows is denied. */
function may(role: Role, action: string, key: string, changes: Partial<BucketPlace> = {}): boolean {
  const fitting = statementsOf(role, changes).filter(
    ({ Action, Resource, Sid }) =>
      Sid !== 'HoldfastWriteOnce' &&
      Action.includes(action) &&
      Resource.some(pattern => like(`arn:aws:s3:::vault/${key}`, pattern)),
  )
  return fitting.length > 0 && fitting.every(({ Effect }) => Effect === 'Allow')
}

const like = (text: string, pattern: string): boolean =>
  new RegExp(`^${pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('\\*', '.*')}$`).test(text)

const backup = 'pg/gathr/backups/20260301T020000Z-full'
const keys = {
  identity: 'pg/holdfast.json',
  record: `${backup}/backup.json`,
  pack: `${backup}/data/00001.tar.zst.age`,
  manifest: `${backup}/manifest.json.zst.age`,
  wal: 'pg/gathr/wal/00000001/00000000/000000010000000000000001.zst.age',
  history: 'pg/gathr/wal/00000002.history.zst.age',
  lease: 'pg/gathr/leases/backup/00000001.json',
  index: 'pg/gathr/catalog/00000001.json',
  probe: 'pg/gathr/probes/ab12',
  claim: 'pg/.claims/ab/1',
  audit: 'pg/gathr/audit/db1-aa/000000000001-000000000002-ab.jsonl.zst.age',
  dumpRecord: 'pg/gathr/dumps/20260301T020000Z-dump/dump.json',
  dumped: 'pg/gathr/dumps/20260301T020000Z-dump/parts/00001.dump.zst.age',
  archivedRecord: 'pg/gathr/archive/backups/20260301T020000Z-full/backup.json',
  archivedPack: 'pg/gathr/archive/backups/20260301T020000Z-full/data/00001.tar.zst.age',
  request: 'pg/gathr/erasures/requests/20260301T020000Z-erasure-1f00a2c4/request.json',
  requestSealed: 'pg/gathr/erasures/requests/20260301T020000Z-erasure-1f00a2c4/statements.json.zst.age',
  applied: 'pg/gathr/erasures/applied/20260301T020000Z-1f00a2c4.json',
  drill: 'pg/gathr/drills/20260302T040000Z-drill/drill.json',
  drillReport: 'pg/gathr/drills/20260302T040000Z-drill/report.html.zst.age',
  drillIndex: 'pg/gathr/drill-catalog/00000001.json',
  foreign: 'pg/other/backups/20260301T020000Z-full/backup.json',
  outside: 'elsewhere/file',
}

describe('of the keys of a repository', () => {
  const table: Readonly<Record<Role, Readonly<Record<'get' | 'put' | 'delete', string>>>> = {
    writer: {
      get: 'identity record wal history lease index probe claim dumpRecord archivedRecord request applied drill drillIndex',
      put: 'identity record pack manifest wal history lease index probe claim audit dumpRecord dumped request requestSealed applied drill drillReport drillIndex',
      delete: '',
    },
    restorer: {
      get: 'identity record pack manifest wal history lease index probe audit dumpRecord dumped archivedRecord archivedPack request requestSealed applied drill drillReport drillIndex',
      put: 'claim audit applied drill drillReport drillIndex',
      delete: '',
    },
    keeper: {
      get: 'identity record wal history lease index probe dumpRecord archivedRecord request applied drill drillIndex',
      put: 'lease index probe claim audit drill drillReport drillIndex',
      delete:
        'record pack manifest wal history lease index probe claim dumpRecord dumped archivedRecord archivedPack drill drillReport drillIndex',
    },
    auditor: {
      get: 'identity record history lease index audit dumpRecord archivedRecord request applied drill drillIndex',
      put: '',
      delete: '',
    },
    archivist: {
      get: 'identity record pack manifest wal history lease index probe audit dumpRecord dumped archivedRecord archivedPack request requestSealed applied drill drillReport drillIndex',
      put: 'claim audit archivedRecord archivedPack',
      delete: '',
    },
  }
  const actions = { get: 's3:GetObject', put: 's3:PutObject', delete: 's3:DeleteObject' } as const

  test.each(roles)('the %s gets, puts and deletes these, and no others', role => {
    for (const [name, action] of Object.entries(actions)) {
      const found = Object.entries(keys).filter(([, key]) => may(role, action, key))
      expect(found.map(([kind]) => kind).join(' '), name).toBe(table[role][name as 'get'])
    }
  })

  test.each(roles)(
    'the %s can neither delete a version nor get round a lock, whatever else it is given',
    role => {
      for (const action of ['s3:DeleteObjectVersion', 's3:BypassGovernanceRetention'])
        expect(
          statementsOf(role).some(
            ({ Effect, Action, Resource }) =>
              Effect === 'Deny' && Action.includes(action) && Resource.includes('arn:aws:s3:::vault/pg/*'),
          ),
        ).toBe(true)
    },
  )

  test.each(roles)('the %s is denied the data that it does not read, and to hand objects to others', role => {
    const denied = (action: string, key: string): boolean =>
      statementsOf(role).some(
        ({ Effect, Action, Resource, Sid }) =>
          Sid !== 'HoldfastWriteOnce' &&
          Effect === 'Deny' &&
          Action.includes(action) &&
          Resource.some(pattern => like(`arn:aws:s3:::vault/${key}`, pattern)),
      )
    const unread = {
      writer: 'pack manifest dumped archivedPack requestSealed',
      restorer: '',
      keeper: 'pack manifest dumped archivedPack requestSealed',
      auditor: 'pack manifest wal dumped archivedPack requestSealed',
      archivist: '',
    }
    for (const action of ['s3:GetObject', 's3:GetObjectVersion'])
      expect(
        Object.entries(keys)
          .filter(([, key]) => denied(action, key))
          .map(([name]) => name)
          .join(' '),
      ).toBe(unread[role])
    expect(denied('s3:PutObjectAcl', keys.pack)).toBe(true)
  })

  test('only the restorer reads older versions', () => {
    expect(roles.filter(role => may(role, 's3:GetObjectVersion', keys.pack))).toEqual(['restorer'])
  })

  test('tags and locks are set by who writes, where the configuration asks for them', () => {
    expect(may('writer', 's3:PutObjectTagging', keys.pack)).toBe(false)
    expect(may('writer', 's3:PutObjectTagging', keys.pack, { tags: true })).toBe(true)
    expect(may('writer', 's3:PutObjectRetention', keys.pack)).toBe(false)
    expect(may('keeper', 's3:PutObjectRetention', keys.pack, { lock: 'governance' })).toBe(true)
    expect(may('restorer', 's3:PutObjectRetention', keys.pack, { lock: 'governance' })).toBe(false)
  })
})

describe('how long a writer may lock', () => {
  const capOf = (role: Role, changes: Partial<BucketPlace>): Statement | undefined =>
    statementsOf(role, { lock: 'compliance', ...changes }).find(({ Sid }) => Sid === 'HoldfastLockAtMost')

  test('is capped on Amazon, when a lock is set and when an object is put with one', () => {
    expect(capOf('writer', { lockDaysMax: 90 })).toEqual({
      Sid: 'HoldfastLockAtMost',
      Effect: 'Deny',
      Action: ['s3:PutObjectRetention', 's3:PutObject'],
      Resource: ['arn:aws:s3:::vault/pg/*'],
      Condition: { NumericGreaterThan: { 's3:object-lock-remaining-retention-days': '90' } },
    })
  })

  test('is not capped where no rule sets an end, by servers that do not know how, and for a keeper', () => {
    expect(capOf('writer', { lockDaysMax: undefined })).toBeUndefined()
    expect(capOf('writer', { lockDaysMax: 90, endpoint: 'https://ceph.example' })).toBeUndefined()
    expect(capOf('keeper', { lockDaysMax: 90 })).toBeUndefined()
  })

  test.each<[string, Parameters<typeof lockDaysMax>, number | undefined]>([
    ['nothing', [[{}], undefined, []], 32],
    ['days', [[{ withinMs: 30 * 86_400_000 }, { daily: 7 }], undefined, []], 90],
    ['months, and WAL', [[{ weekly: 4, monthly: 12 }], 7 * 86_400_000, []], 774],
    ['the archive', [[{ daily: 7 }], undefined, [{ years: 10 }, 'forever']], 7350],
    ['a number of backups', [[{ last: 3 }, { daily: 7 }], undefined, []], undefined],
  ])('comes from the rules: %s', (_, given, days) => {
    expect(lockDaysMax(...given)).toBe(days)
  })
})

describe('an identity policy', () => {
  test.each(roles)('of the %s is small enough for AWS, with everything in it', role => {
    const all: Partial<BucketPlace> = {
      tags: true,
      lock: 'compliance',
      lockDaysMax: 774,
      serverSideEncryption: { kind: 'kms', keyId: '1234abcd-12ab-34cd-56ef-1234567890ab' },
    }
    expect(JSON.stringify(iamPolicy({ ...place, ...all }, role, nobody).document).length).toBeLessThan(6144)
  })

  test('limits listing to the repository, and still lets "not there" be told from "not allowed"', () => {
    const list = statementsOf('writer').find(({ Action }) => Action.includes('s3:ListBucket'))
    expect(list?.Condition).toEqual({
      StringLikeIfExists: { 's3:prefix': ['pg/gathr/*', 'pg/holdfast.json'] },
    })
  })

  test('denies what would overwrite, but where the server can not tell', () => {
    const once = (changes: Partial<BucketPlace>): unknown =>
      statementsOf('writer', changes).find(({ Sid }) => Sid === 'HoldfastWriteOnce')?.Condition
    expect(once({})).toEqual({
      Null: { 's3:if-none-match': 'true' },
      Bool: { 's3:ObjectCreationOperation': 'true' },
    })
    expect(once({ conditional: false })).toBeUndefined()
  })

  test.each([
    [
      '1234abcd-12ab-34cd-56ef-1234567890ab',
      'arn:aws:kms:eu-central-1:*:key/1234abcd-12ab-34cd-56ef-1234567890ab',
    ],
    ['arn:aws:kms:eu-central-1:1:key/x', 'arn:aws:kms:eu-central-1:1:key/x'],
    ['alias/backups', 'arn:aws:kms:eu-central-1:*:key/*'],
  ])('gives the use of the key %s through S3 alone', (keyId, resource) => {
    const key = statementsOf('auditor', { serverSideEncryption: { kind: 'kms', keyId } }).find(
      ({ Sid }) => Sid === 'HoldfastKey',
    )
    expect(key).toMatchObject({ Action: ['kms:Decrypt'], Resource: [resource] })
    expect(key?.Condition?.['StringLike']).toEqual({ 'kms:ViaService': 's3.eu-central-1.amazonaws.com' })
  })

  test('names the right partition in China', () => {
    expect(
      JSON.stringify(iamPolicy({ ...place, region: 'cn-north-1' }, 'writer', nobody).document),
    ).toContain('arn:aws-cn:s3:::vault')
  })

  test('says when the keys of a writer read WAL in the clear', () => {
    const notes = iamPolicy({ ...place, sealed: false }, 'writer', nobody).notes.join('\n')
    expect(notes).toMatch(/can read WAL in the clear/)
  })
})

describe('the policy of an S3 bucket', () => {
  const sids = (changes: Partial<BucketPlace>, names = nobody): readonly string[] =>
    (s3BucketPolicy({ ...place, ...changes }, names).document as S3Policy).Statement.map(({ Sid }) => Sid)

  test('takes away, and gives nobody anything', () => {
    expect(sids({})).toEqual([
      'HoldfastTlsOnly',
      'HoldfastWriteOnce',
      'HoldfastOnlyTheKeeperDeletes',
      'HoldfastNobodyUndoes',
    ])
  })

  test('does not lock everybody out of a server without TLS, and says so', () => {
    expect(sids({ endpoint: 'http://10.0.0.1:7480' })).not.toContain('HoldfastTlsOnly')
    const { notes } = s3BucketPolicy({ ...place, endpoint: 'http://10.0.0.1:7480' }, nobody)
    expect(notes.join('\n')).toMatch(/"TLS only" is left out/)
  })

  test('requires the encryption that is configured', () => {
    expect(sids({ serverSideEncryption: { kind: 'server-key' } })).toContain('HoldfastEncrypted')
    const keyId = 'arn:aws:kms:eu-central-1:1:key/x'
    expect(sids({ serverSideEncryption: { kind: 'kms', keyId } })).toContain('HoldfastKeyOnly')
  })

  test('gives those who are named what their role needs', () => {
    const names = { account: undefined, principals: { writer: 'arn:aws:iam:::user/db1' } }
    expect(sids({}, names)).toEqual(expect.arrayContaining(['WriterList', 'WriterRead', 'WriterWrite']))
    expect(sids({}, names)).toContain('WriterUnread')
    expect(sids({}, names)).not.toContain('WriterDelete')
  })
})

describe('Google', () => {
  const gs: BucketPlace = { ...place, kind: 'gs', lock: 'governance' }

  test.each(roles)('has bindings for the %s whose conditions it accepts: at most a dozen operators', role => {
    const { bindings } = gcsBindings(gs, [role], nobody).document as {
      bindings: readonly { condition?: { expression: string } }[]
    }
    for (const { condition } of bindings)
      expect((condition?.expression.match(/&&|\|\|/g) ?? []).length).toBeLessThanOrEqual(12)
  })

  test('binds who is named, and only kinds of access that the role has', () => {
    const names: PolicyNames = {
      account: 'gathr',
      principals: { writer: 'db1@gathr.iam.gserviceaccount.com' },
    }
    const { bindings } = gcsBindings(gs, ['writer'], names).document as {
      bindings: readonly { role: string; members: readonly string[] }[]
    }
    expect(new Set(bindings.map(({ role }) => role))).toEqual(
      new Set(['list', 'read', 'write', 'lock'].map(access => `projects/gathr/roles/holdfast_${access}`)),
    )
    expect(bindings[0]?.members).toEqual(['serviceAccount:db1@gathr.iam.gserviceaccount.com'])
  })

  test('has custom roles as gcloud takes them', () => {
    expect(gcsRole('delete', nobody).document).toMatchObject({
      stage: 'GA',
      includedPermissions: ['storage.objects.delete'],
    })
  })
})

describe('Azure', () => {
  const az: BucketPlace = { ...place, kind: 'az' }
  const actionsOf = (role: Role): readonly string[] =>
    (azureRole(az, role, nobody).document as { DataActions: readonly string[] }).DataActions.map(action =>
      action.replace(/.*\/blobs\//, ''),
    )

  test('has data actions for each role', () => {
    expect(Object.fromEntries(roles.map(role => [role, actionsOf(role)]))).toEqual({
      writer: ['read', 'add/action', 'write'],
      restorer: ['read', 'add/action', 'write'],
      keeper: ['read', 'add/action', 'write', 'delete'],
      auditor: ['read'],
      archivist: ['read', 'add/action', 'write'],
    })
  })

  test('limits the assignment to names, by a condition with balanced brackets', () => {
    const condition = azureCondition(az, 'auditor')
    expect(condition).toContain(":path] StringLike 'pg/gathr/backups/*/backup.json'")
    expect(condition).toContain(":prefix] StringStartsWith 'pg/gathr/'")
    expect(condition).not.toContain('blobs/write')
    const depths = [...condition].reduce(
      (all, c) => [...all, (all.at(-1) ?? 0) + (c === '(' ? 1 : c === ')' ? -1 : 0)],
      [0],
    )
    expect([Math.min(...depths), depths.at(-1)]).toEqual([0, 0])
  })
})
