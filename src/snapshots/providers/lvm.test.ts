/** What is asked of LVM, word by word, by a stand-in: the kernel of the test machines has no device mapper. */
import { expect, test } from 'vitest'
import { minute } from '../../base/units.ts'
import type { SnapshotSettings } from '../description.ts'
import { parseMounts } from '../mounts.ts'
import type { RunProgram } from '../run-program.ts'
import { openLvm } from './lvm.ts'

const signal = new AbortController().signal
const settings: SnapshotSettings = {
  provider: 'lvm',
  volumes: [],
  prefix: ['sudo', '-n'],
  timeLimitMs: minute,
  directories: [],
  command: undefined,
}
const mounts = parseMounts(
  '30 1 253:3 / /srv/pg rw - xfs /dev/mapper/vg-pg rw\n31 1 253:4 / /srv/fast rw - ext4 /dev/mapper/vg-fast rw\n32 1 253:5 / /srv/thick rw - ext4 /dev/mapper/vg-thick rw\n',
)
const owner = { cluster: 'lab', systemIdentifier: '7481234567890123456', repository: '3f2a9d0c5b7e' }
const id = '20260301T020000Z-snapshot'

interface Volume {
  readonly pool: string
  readonly tags: readonly string[]
}

/** Volumes by their names, and what was called. */
function fakeLvm(failing?: string): { run: RunProgram; calls: string[]; volumes: Map<string, Volume> } {
  const volumes = new Map<string, Volume>(
    ['vg/pg', 'vg/fast', 'vg/thick'].map(name => [
      name,
      { pool: name === 'vg/thick' ? '' : 'pool', tags: [] },
    ]),
  )
  const calls: string[] = []
  const run: RunProgram = async ({ words }) => {
    const [sudo, n, program, ...args] = words
    expect([sudo, n]).toEqual(['sudo', '-n'])
    const last = args.at(-1) ?? ''
    const name = last.replace('/dev/mapper/vg-', 'vg/')
    if (program === 'lvs') {
      const found = last.startsWith('@')
        ? [...volumes].filter(([, { tags }]) => tags.includes(last.slice(1)))
        : [...volumes].filter(([key]) => key === name)
      if (found.length === 0 && !last.startsWith('@'))
        return { status: 5, stdout: '', stderr: `  Failed to find logical volume "${last}"` }
      const rows = found.map(([key, { pool, tags }]) => ({
        vg_name: key.split('/')[0],
        lv_name: key.split('/')[1],
        pool_lv: pool,
        lv_tags: tags.join(','),
        lv_size: '1073741824',
      }))
      return { status: 0, stdout: JSON.stringify({ report: [{ lv: rows }] }), stderr: '' }
    }
    calls.push([program, ...args].join(' '))
    if (failing !== undefined && last === failing)
      return { status: 5, stdout: '', stderr: '  Insufficient free space in the pool' }
    const tags = args.flatMap((word, i) => (word === '--addtag' ? [args[i + 1] ?? ''] : []))
    const made = `vg/${args[args.indexOf('--name') + 1] ?? ''}`
    if (program === 'lvcreate') volumes.set(made, { pool: 'pool', tags })
    if (program === 'lvremove') volumes.delete(last)
    return { status: 0, stdout: '', stderr: '' }
  }
  return { run, calls, volumes }
}

const trees = [
  { holds: 'data', path: '/srv/pg/main' },
  { holds: '16500', path: '/srv/fast' },
] as const

test('thin volumes are snapshotted with tags, found by them, and removed', async () => {
  const { run, calls, volumes } = fakeLvm()
  const lvm = openLvm(settings, run, () => Promise.resolve(mounts))
  const found = await lvm.volumesOf(trees, signal)
  expect(found.map(({ source, name, trees: [tree] }) => [source, name, tree?.inside])).toEqual([
    ['vg/pg', 'data', 'main'],
    ['vg/fast', 'ts16500', ''],
  ])
  const copyRules = { emptied: [], last: [] }
  const taken = await lvm.create({ ...owner, id, volumes: found, copyRules }, signal)
  expect(calls[0]).toMatch(
    /^lvcreate --snapshot --name holdfast-20260301T020000Z-snapshot-data-[0-9a-f]{8} --addtag holdfast\.of=lab:7481234567890123456 --addtag holdfast\.repository=3f2a9d0c5b7e --addtag holdfast\.id=20260301T020000Z-snapshot --addtag holdfast\.volume=data vg\/pg$/,
  )
  expect(taken[0]).toMatchObject({ volume: 'data', sizeBytes: 1073741824 })
  expect((await lvm.list(owner, [], signal)).map(one => [one.id, one.volume])).toEqual([
    [id, 'data'],
    [id, 'ts16500'],
  ])
  for (const one of taken) {
    expect(await lvm.describe(one, signal)).toMatchObject({ state: 'ready' })
    await lvm.remove(one, signal)
    expect(await lvm.describe(one, signal)).toBeUndefined()
  }
  expect(volumes.size).toBe(3)
})

test('when the second volume fails, the snapshot of the first is removed', async () => {
  const { run, volumes } = fakeLvm('vg/fast')
  const lvm = openLvm(settings, run, () => Promise.resolve(mounts))
  const found = await lvm.volumesOf(trees, signal)
  const copyRules = { emptied: [], last: [] }
  await expect(lvm.create({ ...owner, id, volumes: found, copyRules }, signal)).rejects.toMatchObject({
    code: 'SNAPSHOT_FAILED',
    message: expect.stringContaining('Insufficient free space') as string,
  })
  expect([...volumes.keys()]).toEqual(['vg/pg', 'vg/fast', 'vg/thick'])
})

test('a volume that is not thin is refused', async () => {
  const lvm = openLvm(settings, fakeLvm().run, () => Promise.resolve(mounts))
  await expect(lvm.volumesOf([{ holds: 'data', path: '/srv/thick/pg' }], signal)).rejects.toMatchObject({
    code: 'SNAPSHOT_UNSUPPORTED',
  })
})

test('a volume that somebody restored who was killed is taken away by its place', async () => {
  const { run, calls, volumes } = fakeLvm()
  const to = '/srv/drills/holdfast-drill-0123456789abcdef/data.volumes/data'
  const request = {
    ...owner,
    id,
    snapshot: { volume: 'data', reference: 'vg/holdfast-snap', details: {} },
    fileSystem: 'xfs',
    inside: '',
    to,
  }
  const name = 'vg/holdfast-restored_srv_drills_holdfast-drill-0123456789abcdef_data.volumes_data'
  volumes.set(name, { pool: 'pool', tags: [] })
  const mounted = [...mounts, ...parseMounts(`33 1 253:6 / ${to} rw - xfs /dev/mapper/vg-restored rw\n`)]
  await openLvm(settings, run, () => Promise.resolve(mounted)).discard?.(request, signal)
  expect(calls).toEqual([`umount ${to}`, `lvremove --yes ${name}`])
  await openLvm(settings, run, () => Promise.resolve(mounts)).discard?.(request, signal)
  expect(calls).toHaveLength(2)
})
