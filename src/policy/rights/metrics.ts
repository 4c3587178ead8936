/** AWS: the right to send metrics to one namespace. Decides only. */
import type { Statement } from './iam.ts'

/** The service knows no resources; a namespace can only be a condition. */
export function cloudwatchStatement(namespace: string): Statement {
  return {
    Sid: 'HoldfastMetrics',
    Effect: 'Allow',
    Action: ['cloudwatch:PutMetricData'],
    Resource: ['*'],
    Condition: { StringEquals: { 'cloudwatch:namespace': namespace } },
  }
}
