/** Sends metrics to CloudWatch, in batches. */
import { AwsQueryProtocol } from '@aws-sdk/core/protocols'
import { CloudWatchClient, PutMetricDataCommand, type MetricDatum } from '@aws-sdk/client-cloudwatch'
import { Fault, isFault, type FaultCode } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { World } from '../../base/world.ts'
import type { CloudAccess } from '../../cloud/access.ts'
import { openAwsApi, type AwsService, type ClientSettings } from '../../cloud/aws/api.ts'
import type { Datum } from '../../policy/metrics/cloudwatch.ts'

const service: AwsService<CloudWatchClient> = { name: 'CloudWatch', make: clientOf }

/** The oldest of its protocols, which whatever else speaks this API knows, too. */
function clientOf(settings: ClientSettings): CloudWatchClient {
  return new CloudWatchClient({
    ...settings,
    protocol: AwsQueryProtocol,
    protocolSettings: {
      defaultNamespace: 'com.amazonaws.cloudwatch',
      xmlNamespace: 'http://monitoring.amazonaws.com/doc/2010-08-01/',
      version: '2010-08-01',
      serviceTarget: 'GraniteServiceVersion20100801',
    },
    disableRequestCompression: true,
  })
}

export interface MetricsBatch {
  readonly namespace: string
  readonly data: readonly Datum[]
}

/** Who is told twice what was so at one moment knows no more: what failed for a passing reason is sent again. */
export async function putMetrics(
  { namespace, data }: MetricsBatch,
  access: CloudAccess,
  world: World,
  signal: AbortSignal,
): Promise<void> {
  try {
    const api = await openAwsApi(service, access, world)
    try {
      const at = new Date(world.clock.now())
      for (let i = 0; i < data.length; i += limits.cloudwatchDataMax) {
        const some = data.slice(i, i + limits.cloudwatchDataMax).map(datum => datumOf(datum, at))
        const command = new PutMetricDataCommand({ Namespace: namespace, MetricData: some })
        await api.call(
          { what: 'sending metrics' },
          async (client, options) => client.send(command, options),
          signal,
        )
      }
    } finally {
      api.close()
    }
  } catch (error) {
    throw isFault(error) ? hinted(error) : error
  }
}

const datumOf = ({ name, unit, value, dimensions }: Datum, at: Date): MetricDatum => ({
  MetricName: name,
  Unit: unit,
  Value: value,
  Timestamp: at,
  Dimensions: dimensions.map(([Name, Value]) => ({ Name, Value })),
})

const hints: Partial<Record<FaultCode, string>> = {
  CLOUD_CREDENTIALS:
    'Check the credentials: they were looked for under `metrics.cloudwatch`, and else where the AWS tools look (environment, ~/.aws, web identity, container, instance).',
  CLOUD_DENIED:
    'Give the credentials the right cloudwatch:PutMetricData for this namespace; `holdfast policy iam` prints it.',
  CONFIG_INVALID: 'Set `region` under `metrics.cloudwatch`, or AWS_REGION in the environment.',
  CLOUD_REFUSED: 'Compare what AWS says with the section `metrics.cloudwatch` of the configuration.',
  CLOUD_THROTTLED: 'Send less often: `every` under `metrics.cloudwatch`.',
}

/** Those of the APIs for snapshots speak of another section. */
function hinted(error: Fault): Fault {
  const { code, message, hint, cause } = error
  return new Fault(code, message, { hint: hints[code] ?? hint, cause })
}
