/** From a provider's name to the managed server. */
import type { World } from '../../base/world.ts'
import type { CloudSettings } from '../description.ts'
import type { ManagedName, ManagedServer, ManagedSettings } from './server.ts'

type Open = (settings: ManagedSettings, cloud: CloudSettings, world: World) => Promise<ManagedServer>

const servers: Readonly<Record<ManagedName, Open>> = {
  'aws-rds': async (...given) => (await import('./aws-rds.ts')).openAwsRds(...given),
  'gcp-cloudsql': async (...given) => (await import('./gcp-cloudsql.ts')).openCloudSql(...given),
}

export function openManagedServer(
  name: ManagedName,
  settings: ManagedSettings,
  cloud: CloudSettings,
  world: World,
): Promise<ManagedServer> {
  return servers[name](settings, cloud, world)
}
