/**
 * Managed servers: RDS against moto's, Cloud SQL against test/support/google-sql.ts, which is strict on what Google's
 * documentation says. The real ones were not asked.
 */
import { CreateDBInstanceCommand, DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds'
import { beforeAll, describe, expect, test } from 'vitest'
import { describeWithAws } from '../../../test/support/describe-with-aws.ts'
import { quickly } from '../../../test/support/ebs-lab.ts'
import { GoogleError } from '../../../test/support/google-cloud.ts'
import { startCloudSql } from '../../../test/support/google-sql.ts'
import { systemWorld } from '../../base/world.ts'
import { openAwsRds } from './aws-rds.ts'
import { openCloudSql } from './gcp-cloudsql.ts'
import type { ManagedServer } from './server.ts'

const signal = new AbortController().signal
const world = quickly(systemWorld())
const wish = { cluster: 'gathr', repository: '3f2a9d0c5b7e', id: '20260301T020000Z-managed' }
const settings = { instance: 'gathr-db', timeLimitMs: 20_000 }

/** What both have to do. */
async function wholeLife(server: ManagedServer, region: string): Promise<void> {
  const made = await server.create(wish, signal)
  const again = await server.create(wish, signal)
  expect(again.reference, 'done twice, there is one').toBe(made.reference)
  expect(made.engine).toBe('postgres')
  expect(made.engineVersion).toMatch(/17/)
  await server.describe(made.reference, signal)
  expect(await server.describe(made.reference, signal)).toMatchObject({ state: 'ready' })
  const copy = await server.copy(wish, made, region, signal)
  expect(await server.copy(wish, made, region, signal)).toBe(copy)
  expect(copy).not.toBe(made.reference)
  const { found, closed } = await server.list(wish, signal)
  expect(closed).toEqual([])
  expect(found.map(({ id, reference }) => `${id} ${reference}`).toSorted()).toEqual(
    [`${wish.id} ${copy}`, `${wish.id} ${made.reference}`].toSorted(),
  )
  expect(found.find(({ reference }) => reference === made.reference)?.state).toMatchObject({ state: 'ready' })
  expect(await server.list({ cluster: 'another' }, signal)).toEqual({ found: [], closed: [] })
  const restored = { reference: made.reference, details: made.details, name: 'gathr-new' }
  expect((await server.restore(restored, signal)).address).toMatch(/\S/)
  await expect(server.restore(restored, signal)).rejects.toMatchObject({ code: 'CLOUD_REFUSED' })
  for (const reference of [made.reference, copy, copy]) await server.remove(reference, signal)
  expect(await server.describe(made.reference, signal)).toBeUndefined()
  await expect(server.restore({ ...restored, name: 'gathr-other' }, signal)).rejects.toMatchObject({
    code: 'SNAPSHOT_MISSING',
  })
}

describeWithAws('RDS', aws => {
  const region = 'eu-central-1'
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const client = (): RDSClient => new RDSClient({ endpoint: aws().endpoint, region, credentials })
  const open = (instance = 'gathr-db'): ManagedServer =>
    openAwsRds(
      { ...settings, instance },
      {
        access: {
          endpoint: aws().endpoint,
          region,
          credentials: { kind: 'access-key', id: 'test', secret: 'test' },
        },
        copyTo: { region: 'eu-west-1' },
        tags: { team: 'data' },
      },
      world,
    )
  beforeAll(async () => {
    await client().send(
      new CreateDBInstanceCommand({
        DBInstanceIdentifier: 'gathr-db',
        DBInstanceClass: 'db.m6g.large',
        Engine: 'postgres',
        EngineVersion: '17.4',
        AllocatedStorage: 100,
        MasterUsername: 'postgres',
        MasterUserPassword: 'correct-horse',
      }),
    )
  })

  test('a snapshot is made, copied, listed, restored as a new server, and removed', async () => {
    await wholeLife(open(), 'eu-west-1')
    const { DBInstances = [] } = await client().send(
      new DescribeDBInstancesCommand({ DBInstanceIdentifier: 'gathr-new' }),
    )
    expect(DBInstances[0]).toMatchObject({ DBInstanceClass: 'db.m6g.large' })
    const asked = aws().requests.findLast(one => one.action === 'RestoreDBInstanceFromDBSnapshot')
    expect(asked?.parameters['PubliclyAccessible'], 'open to the world only when somebody says so').toBe(
      'false',
    )
  })

  test('a server that is not there is said so, and so are rights and quotas', async () => {
    await expect(open('no-such').create(wish, signal)).rejects.toMatchObject({ code: 'SNAPSHOT_UNSUPPORTED' })
    for (const [code, expected] of [
      ['AccessDenied', 'CLOUD_DENIED'],
      ['SnapshotQuotaExceeded', 'CLOUD_QUOTA'],
      ['InvalidDBInstanceState', 'CLOUD_REFUSED'],
    ] as const) {
      aws().trouble(({ action }) => (action === 'CreateDBSnapshot' ? { code } : undefined))
      await expect(open().create(wish, signal)).rejects.toMatchObject({ code: expected })
    }
    aws().trouble(() => undefined)
  })
})

describe('Cloud SQL', () => {
  test('a backup is made, taken again for the other region, listed, restored as a new server, and removed', async () => {
    const server = await startCloudSql()
    try {
      const sql = openCloudSql(
        settings,
        {
          access: { endpoint: server.endpoint },
          project: 'gathr',
          copyTo: { region: 'europe-west4' },
          tags: {},
        },
        world,
      )
      await wholeLife(sql, 'europe-west4')
      expect(server.instances.get('gathr-new')).toMatchObject({
        region: 'europe-west1',
        databaseVersion: 'POSTGRES_17',
        settings: { tier: 'db-custom-2-7680', dataDiskSizeGb: '100' },
      })
    } finally {
      await server.stop()
    }
  })

  test('an answer that is lost is looked for; what Google refuses is a fault of its own', async () => {
    const server = await startCloudSql()
    try {
      const cloud = { access: { endpoint: server.endpoint }, project: 'gathr', tags: {} }
      const sql = openCloudSql(settings, cloud, world)
      server.trouble(({ method, path }) =>
        method === 'POST' && path.endsWith('/backupRuns') ? 'lost' : undefined,
      )
      await sql.create(wish, signal)
      expect(server.runs.size).toBe(1)
      server.trouble(({ method }) => (method === 'POST' ? new GoogleError(403, 'notAuthorized') : undefined))
      const other = { ...wish, id: '20260302T020000Z-managed' }
      await expect(sql.create(other, signal)).rejects.toMatchObject({ code: 'CLOUD_DENIED' })
    } finally {
      await server.stop()
    }
  })
})
