import { describe, expect, test } from 'vitest'
import { roles } from './roles.ts'
import { awsSnapshotStatements, gcsSnapshotRole } from './snapshots.ts'

const place = { cluster: 'gathr', instance: 'gathr-db', account: '123456789012', copies: true }
const actionsOf = (provider: string, role: (typeof roles)[number]): readonly string[] =>
  awsSnapshotStatements({ ...place, provider }, role).statements.flatMap(({ Action }) => Action)

describe.each(['aws-ebs', 'aws-rds'])('rights to snapshots by %s', provider => {
  test('only the keeper deletes snapshots, and everybody looks', () => {
    for (const role of roles) {
      const actions = actionsOf(provider, role)
      expect(actions.some(action => /:Delete(?:DB)?Snapshot$/.test(action))).toBe(role === 'keeper')
      expect(actions.some(action => action.includes(':Describe'))).toBe(true)
    }
  })

  test('what is changed is limited to what is ours, by tag or by name', () => {
    for (const role of roles)
      for (const { Sid, Action, Resource, Condition } of awsSnapshotStatements({ ...place, provider }, role)
        .statements) {
        if (Action.every(action => action.includes(':Describe'))) continue
        expect(Resource, Sid).not.toContain('*')
        // An instance and its volumes are somebody's own, and carry no tags of ours.
        if (provider === 'aws-ebs' && !['HoldfastSnapshotOf', 'HoldfastAttachTo'].includes(Sid))
          expect(Condition, Sid).toBeDefined()
      }
  })

  test('it fits beside the rights to a bucket, and ids are different', () => {
    for (const role of roles) {
      const { statements } = awsSnapshotStatements({ ...place, provider }, role)
      expect(JSON.stringify(statements).length).toBeLessThan(2000)
      expect(new Set(statements.map(({ Sid }) => Sid)).size).toBe(statements.length)
    }
  })
})

test('other providers need no rights of AWS', () => {
  expect(awsSnapshotStatements({ ...place, provider: 'btrfs' }, 'writer').statements).toEqual([])
})

test.each(['gce-pd', 'gcp-cloudsql'])(
  'the role for %s names whole rights, and only the keeper deletes snapshots',
  provider => {
    for (const role of roles) {
      const { includedPermissions } = gcsSnapshotRole(provider, role, 'gathr').document as {
        readonly includedPermissions: readonly string[]
      }
      expect(includedPermissions.length).toBeGreaterThan(0)
      for (const right of includedPermissions)
        expect(right).toMatch(/^(?:compute|cloudsql)\.[A-Za-z]+\.[A-Za-z]+$/)
      expect(includedPermissions.some(right => /(?:snapshots|backupRuns)\.delete$/.test(right))).toBe(
        role === 'keeper',
      )
    }
  },
)
