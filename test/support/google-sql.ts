/** Cloud SQL's admin API for tests: instances, backup runs and operations, strict on what its documentation names. */
import { GoogleError, onlyKeys, startGoogle, type GoogleServer, type Json } from './google-cloud.ts'

const root = '/projects/gathr'

export interface SqlServer extends GoogleServer {
  readonly instances: Map<string, Json>
  readonly runs: Map<string, Json>
}

export async function startCloudSql(): Promise<SqlServer> {
  const instances = new Map<string, Json>([
    [
      'gathr-db',
      {
        name: 'gathr-db',
        region: 'europe-west1',
        databaseVersion: 'POSTGRES_17',
        databaseInstalledVersion: 'POSTGRES_17_5',
        settings: { tier: 'db-custom-2-7680', dataDiskSizeGb: '100' },
      },
    ],
  ])
  const runs = new Map<string, Json>()
  const looks = new Map<string, number>()
  let count = 0
  const operation = (more: Json = {}): Json => ({
    kind: 'sql#operation',
    name: `op-${String(++count)}`,
    targetProject: 'gathr',
    status: 'PENDING',
    ...more,
  })
  const statusOf = (id: string): string => ((looks.get(id) ?? 0) < 2 ? 'RUNNING' : 'SUCCESSFUL')
  const runNow = (id: string): Json => {
    const run = runs.get(id) ?? notFound()
    looks.set(id, (looks.get(id) ?? 0) + 1)
    return { ...run, status: statusOf(id) }
  }
  const started = await startGoogle(({ method, path, body }) => {
    const call = `${method} ${path.slice(root.length)}`
    const [, instance = '', run = ''] = /\/instances\/([^/]+)(?:\/backupRuns\/(\d+))?/.exec(path) ?? []
    if (/^GET \/operations\/op-\d+$/.test(call)) return { status: 'DONE', name: path.split('/').at(-1) }
    if (call === 'POST /instances') {
      onlyKeys(body, ['name', 'region', 'databaseVersion', 'settings'], 'instance')
      const name = String(body['name'])
      if (instances.has(name)) throw new GoogleError(409, 'instanceAlreadyExists')
      instances.set(name, body)
      return operation()
    }
    if (!instances.has(instance)) notFound()
    if (/^GET \/instances\/[^/]+$/.test(call))
      return { ...instances.get(instance), ipAddresses: [{ type: 'PRIVATE', ipAddress: '10.1.2.3' }] }
    if (/^POST .*\/backupRuns$/.test(call)) {
      onlyKeys(body, ['description', 'location'], 'backupRun')
      const id = String(1_700_000_000_000 + ++count)
      runs.set(id, { id, location: 'eu', ...body, startTime: '2026-03-01T02:00:01.000Z' })
      return operation({ backupContext: { backupId: id } })
    }
    if (/^GET .*\/backupRuns$/.test(call))
      return { items: [...runs.keys()].map(id => ({ ...runs.get(id), status: statusOf(id) })) }
    if (method === 'GET' && run !== '') return runNow(run)
    if (method === 'DELETE' && run !== '') return runs.delete(run) ? operation() : notFound()
    if (/^POST .*\/restoreBackup$/.test(call)) {
      onlyKeys(body, ['restoreBackupContext'], 'restore')
      const { backupRunId, instanceId, project } = body['restoreBackupContext'] as Json
      if (!runs.has(String(backupRunId)) || instanceId !== 'gathr-db' || project !== 'gathr') notFound()
      return operation()
    }
    throw new GoogleError(404, 'notFound', `no such method: ${call}`)
  })
  return { ...started, instances, runs }
}

function notFound(): never {
  throw new GoogleError(404, 'notFound', 'The resource was not found')
}
