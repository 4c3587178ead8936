/** From the section `snapshots` of the configuration to how the cloud's API is reached, and what is asked of it. */
import { dirname } from 'node:path'
import type { LoadedConfig } from '../config/config.ts'
import { readSecret } from '../config/secret-source.ts'
import type { CloudSettings } from '../snapshots/description.ts'
import { cloudAccessOf, proxiesOf, type Environment, type Read } from './cloud-access.ts'

/** Reads the secrets that the API needs. Without a section: what can be known without one. */
export async function cloudSettingsOf(
  { config: { snapshots }, path }: Pick<LoadedConfig, 'config' | 'path'>,
  environment: Environment,
  signal: AbortSignal,
): Promise<CloudSettings> {
  const folder = dirname(path)
  const read: Read = async (source, key) =>
    (await readSecret(source, `snapshots.${key}`, { environment, folder }, signal)).reveal().trim()
  const access = await cloudAccessOf(snapshots ?? {}, 'snapshots', folder, read)
  return {
    access: { ...access, proxies: proxiesOf(environment) },
    project: snapshots?.project,
    storageLocation: snapshots?.storageLocation,
    copyTo: snapshots?.copyTo,
    tags: snapshots?.tags ?? {},
    metadataEndpoint: metadataEndpointOf(snapshots?.provider, environment),
  }
}

/** As the vendors' own tools know it. */
function metadataEndpointOf(provider: string | undefined, environment: Environment): string | undefined {
  if (provider !== 'gce-pd') return environment['AWS_EC2_METADATA_SERVICE_ENDPOINT']
  const host = environment['GCE_METADATA_HOST']
  return host === undefined ? undefined : `http://${host}`
}
