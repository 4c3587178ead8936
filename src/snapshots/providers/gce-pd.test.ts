/** Against test/support/google-compute.ts, which is strict on what Google's documentation says. The real one was not asked. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { snapshotContract } from '../../../test/contract/snapshot-contract.ts'
import { quickly, settings } from '../../../test/support/ebs-lab.ts'
import { GoogleError } from '../../../test/support/google-cloud.ts'
import {
  machine,
  project,
  startCompute,
  zone,
  type ComputeServer,
} from '../../../test/support/google-compute.ts'
import { systemWorld } from '../../base/world.ts'
import type { CloudSettings } from '../description.ts'
import type { DiskHost } from '../disks.ts'
import type { SnapshotProvider, Tree } from '../provider.ts'
import { openGcePd } from './gce-pd.ts'

const signal = new AbortController().signal
const owner = { cluster: 'gathr_1', systemIdentifier: '7481234567890123456', repository: '3f2a9d0c5b7e' }
const trees: readonly Tree[] = [
  { holds: 'data', path: '/srv/one/data' },
  { holds: '16501', path: '/srv/one/ts' },
  { holds: '16500', path: '/srv/two' },
]

async function start(): Promise<ComputeServer> {
  const server = await startCompute()
  for (const [device, disk] of [
    ['persistent-disk-0', 'db1'],
    ['data', 'db1-data'],
    ['fast', 'db1-fast'],
  ] as const) {
    server.disks.set(disk, { name: disk, type: `zones/${zone}/diskTypes/pd-ssd`, sizeGb: '100' })
    server.attached.set(device, disk)
  }
  return server
}

/** The first disk is sda; nothing is mounted for real. */
function hostOf(server: ComputeServer): DiskHost {
  const nameAt = (i: number): string => `sd${'abcdefgh'.charAt(i)}`
  const mounted = (path: string, source: string) => ({ path, root: '/', fileSystem: 'ext4', source })
  return {
    mounts: () =>
      Promise.resolve([
        mounted('/', '/dev/sda1'),
        mounted('/srv/one', '/dev/sdb'),
        mounted('/srv/two', '/dev/sdc1'),
      ]),
    diskOf(source) {
      const [, name = '', partition = ''] = /^\/dev\/(sd[a-z])(\d*)$/.exec(source) ?? []
      return Promise.resolve({ name, partition, serial: undefined })
    },
    disks: () => Promise.resolve([]),
    names: () =>
      Promise.resolve(
        new Map([...server.attached.keys()].map((device, i) => [`google-${device}`, nameAt(i)])),
      ),
    async mount(_device, _fileSystem, to) {
      await mkdir(to)
    },
    unmount: to => rm(to, { recursive: true, force: true }),
  }
}

function open(server: ComputeServer, more: Partial<CloudSettings> = {}): SnapshotProvider {
  return openGcePd(
    { ...settings, provider: 'gce-pd' },
    { access: { endpoint: server.endpoint }, project, tags: { team: 'data' }, ...more },
    {
      world: quickly(systemWorld()),
      host: hostOf(server),
      machine: () => Promise.resolve({ project, zone, name: machine }),
    },
  )
}

snapshotContract('Compute Engine', async () => {
  const server = await start()
  const restoreFolder = await mkdtemp(join(tmpdir(), 'hf-gce-'))
  const provider = open(server)
  const brokenProvider: SnapshotProvider = {
    ...provider,
    async create(request, stop) {
      server.failing = 'db1-fast'
      try {
        return await provider.create(request, stop)
      } finally {
        server.failing = undefined
      }
    },
  }
  return {
    provider,
    brokenProvider,
    trees,
    restoreFolder,
    madeVolumes: () =>
      Promise.resolve([...server.disks.keys()].filter(name => name.startsWith('holdfast-restored-')).length),
    files: undefined,
    async [Symbol.asyncDispose]() {
      await server.stop()
      await rm(restoreFolder, { recursive: true })
    },
  }
})

describe('as Google has it', () => {
  let server: ComputeServer
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server.stop())

  const create = async (id: string, more: Partial<CloudSettings> = {}) => {
    const provider = open(server, more)
    const volumes = await provider.volumesOf(trees, signal)
    return provider.create({ ...owner, id, volumes, copyRules: { emptied: [], last: [] } }, signal)
  }

  test('a snapshot is named, labelled and kept where it was asked for', async () => {
    const [first] = await create('20260301T020000Z-snapshot', { storageLocation: 'eu' })
    const name = first?.reference.split('/').at(-1) ?? ''
    expect(first?.reference).toMatch(
      /^projects\/gathr\/global\/snapshots\/holdfast-20260301t020000z-data-[0-9a-f]{8}$/,
    )
    expect(server.snapshots.get(name)).toMatchObject({
      storageLocations: ['eu'],
      labels: {
        team: 'data',
        'holdfast-cluster': 'gathr_1',
        'holdfast-system': owner.systemIdentifier,
        'holdfast-id': '20260301t020000z-snapshot',
        'holdfast-volume': 'data',
      },
    })
    expect(first?.details).toEqual({ diskType: 'pd-ssd', zone })
  })

  test('an answer that is lost is asked for with the same request id, and gives one snapshot', async () => {
    let lost = 0
    server.trouble(({ path }) => (path.endsWith('/createSnapshot') && ++lost <= 2 ? 'lost' : undefined))
    await create('20260301T030000Z-snapshot')
    server.trouble(() => undefined)
    expect([...server.snapshots.keys()].filter(name => name.includes('t030000z'))).toHaveLength(2)
  })

  test.each([
    [new GoogleError(403, 'forbidden', "Required 'compute.disks.createSnapshot' permission"), 'CLOUD_DENIED'],
    [new GoogleError(403, 'quotaExceeded', "Quota 'SNAPSHOTS' exceeded"), 'CLOUD_QUOTA'],
    [new GoogleError(401, 'authError', 'Invalid Credentials'), 'CLOUD_CREDENTIALS'],
    [new GoogleError(400, 'invalid', 'Invalid value'), 'CLOUD_REFUSED'],
  ])('%s is a fault of its own, and nothing is left', async (error, code) => {
    const before = server.snapshots.size
    server.trouble(({ path }) => (path.endsWith('db1-fast/createSnapshot') ? error : undefined))
    await expect(create('20260301T040000Z-snapshot')).rejects.toMatchObject({ code })
    server.trouble(() => undefined)
    expect(server.snapshots.size).toBe(before)
  })

  test('a second region is said by where snapshots are kept, and not by copies', () => {
    expect(() => open(server, { copyTo: { region: 'europe-west4' } })).toThrow(/copies no snapshots/)
  })

  test('a disk is named in the configuration where the host does not tell', async () => {
    const provider = openGcePd(
      { ...settings, volumes: [{ mount: '/srv/one', id: `zones/${zone}/disks/db1-data` }] },
      { access: { endpoint: server.endpoint }, project, tags: {} },
      {
        world: quickly(systemWorld()),
        host: { ...hostOf(server), names: () => Promise.resolve(new Map()) },
        machine: () => Promise.resolve(undefined),
      },
    )
    const [volume] = await provider.volumesOf(trees.slice(0, 1), signal)
    expect(volume?.source).toBe(`projects/gathr/zones/${zone}/disks/db1-data`)
    await expect(provider.volumesOf(trees, signal)).rejects.toMatchObject({ code: 'SNAPSHOT_UNSUPPORTED' })
  })
})
