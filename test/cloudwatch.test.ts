/** Metrics in CloudWatch: sent by the program to moto, which speaks its API, and read back from there. */
import {
  CloudWatchClient,
  GetMetricStatisticsCommand,
  ListMetricsCommand,
  type Dimension,
} from '@aws-sdk/client-cloudwatch'
import { AwsQueryProtocol } from '@aws-sdk/core/protocols'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { faultOf } from './support/restored-server.ts'
import { motoMissing, startMoto, type MotoServer } from './support/moto-server.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { until } from './support/until.ts'

const missing = motoMissing()
if (missing !== undefined) console.log(`CloudWatch is not tested: ${missing}`)

const namespace = 'Gathr/Backups'

describe.skipIf(missing !== undefined)('CloudWatch', () => {
  let lab: Lab
  let moto: MotoServer
  let client: CloudWatchClient
  let backup: BackupRecord

  beforeAll(async () => {
    moto = await startMoto()
    client = new CloudWatchClient({
      endpoint: moto.endpoint,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      protocol: AwsQueryProtocol,
      disableRequestCompression: true,
    })
    lab = await openLab({ major: 16, walSegmentSizeMb: 1 })
    backup = await lab.backup()
  })

  afterAll(async () => {
    client.destroy()
    await moto.stop()
    await lab[Symbol.asyncDispose]()
  })

  const cloudwatch = (more: object = {}): object => ({
    namespace,
    region: 'eu-central-1',
    endpoint: moto.endpoint,
    dimensions: { Environment: 'production' },
    credentials: { access_key_id: 'test', secret_access_key: 'test' },
    ...more,
  })

  /** The newest value there; undefined: none. */
  async function valueOf(
    name: string,
    dimensions: Readonly<Record<string, string>>,
  ): Promise<number | undefined> {
    const all = { Environment: 'production', Cluster: 'lab', ...dimensions }
    const nowMs = Date.now()
    const { Datapoints = [] } = await client.send(
      new GetMetricStatisticsCommand({
        Namespace: namespace,
        MetricName: name,
        Dimensions: Object.entries(all).map(([Name, Value]): Dimension => ({ Name, Value })),
        StartTime: new Date(nowMs - 3_600_000),
        EndTime: new Date(nowMs + 3_600_000),
        Period: 60,
        Statistics: ['Maximum'],
      }),
    )
    return Datapoints.at(-1)?.Maximum
  }

  test('gets sizes, durations and ages, with the dimensions that are asked for', async () => {
    const config = lab.writeConfig('cloudwatch.yaml', { metrics: { cloudwatch: cloudwatch() } })
    await lab.ok(['--config', config, 'metrics', '--cloudwatch'])
    const ofFull = { Repository: 'main', Kind: 'full' }
    expect(await valueOf('BackupSize', ofFull)).toBe(backup.sizes.storedBytes)
    expect(await valueOf('BackupDuration', ofFull)).toBeCloseTo(backup.durationMs / 1000, 5)
    expect(await valueOf('BackupAge', ofFull)).toBeLessThan(3600)
    expect(await valueOf('RepositoryReachable', { Repository: 'main' })).toBe(1)
    const { Metrics = [] } = await client.send(new ListMetricsCommand({ Namespace: namespace }))
    expect(new Set(Metrics.map(({ MetricName }) => MetricName))).toContain('StatusLevel')
  })

  test('gets them from an agent, which nobody has to ask for', async () => {
    const { root } = lab.server
    const config = lab.writeConfig('agent.yaml', {
      agent: { state: join(root, 'agent'), socket: join(root, 'agent.sock') },
      jobs: { verify: 'yearly' },
      metrics: { cloudwatch: cloudwatch({ dimensions: { Environment: 'production', Team: 'data' } }) },
    })
    const agent = lab.start(['--config', config, 'agent'])
    const size = (): Promise<number | undefined> =>
      valueOf('BackupSize', { Team: 'data', Repository: 'main', Kind: 'full' })
    await until('the agent has sent', async () => (await size()) === backup.sizes.storedBytes)
    agent.kill('SIGTERM')
    expect((await agent.ended).status).toBe(0)
  })

  test('is sent to only where the configuration says so, and its policy names the namespace', async () => {
    expect(faultOf(await lab.run(['metrics', '--cloudwatch', '--json']))).toMatchObject({ code: 'USAGE' })
    const config = lab.writeConfig('policy.yaml', {
      repositories: { bucket: { url: 's3://vault/pg', encryption: 'none' } },
      metrics: { cloudwatch: cloudwatch() },
    })
    const { out } = await lab.ok(['--config', config, 'policy', 'iam', '--role', 'writer'])
    expect(JSON.parse(out)).toMatchObject({
      Statement: expect.arrayContaining([
        expect.objectContaining({
          Action: ['cloudwatch:PutMetricData'],
          Condition: { StringEquals: { 'cloudwatch:namespace': namespace } },
        }),
      ]),
    })
  })
})
