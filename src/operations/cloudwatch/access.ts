/** From `metrics.cloudwatch` of the configuration to how CloudWatch is reached. */
import { dirname } from 'node:path'
import type { CloudAccess } from '../../cloud/access.ts'
import type { CloudwatchConfig } from '../../config/metrics.ts'
import { readSecret } from '../../config/secret-source.ts'
import { cloudAccessOf, proxiesOf, type Environment, type Read } from '../cloud-access.ts'

/** Reads the secrets that it needs. */
export async function cloudwatchAccess(
  given: CloudwatchConfig,
  configPath: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<CloudAccess> {
  const owner = 'metrics.cloudwatch'
  const folder = dirname(configPath)
  const read: Read = async (source, key) =>
    (await readSecret(source, `${owner}.${key}`, { environment, folder }, signal)).reveal().trim()
  return { ...(await cloudAccessOf(given, owner, folder, read)), proxies: proxiesOf(environment) }
}
