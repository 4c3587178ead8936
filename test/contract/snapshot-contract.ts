/**
 * What every provider of snapshots must do. A provider is finished when this passes against the real thing: a file system, or
 * a server that speaks the cloud's API.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type {
  CreateRequest,
  KnownSnapshot,
  SnapshotProvider,
  TakenSnapshot,
  Tree,
  Volume,
} from '../../src/snapshots/provider.ts'

/** Two volumes with a folder on each; on the first one a second folder. */
export interface SnapshotLab extends AsyncDisposable {
  readonly provider: SnapshotProvider
  /** `data` and `16501` on the first volume, `16500` on the second. */
  readonly trees: readonly Tree[]
  /** A provider with the same snapshots, whose snapshot of the second volume fails. */
  readonly brokenProvider: SnapshotProvider
  /** Where restored places may appear; undefined where nothing can be mounted on this host. */
  readonly restoreFolder: string | undefined
  /** How many volumes restores have made that are still there; undefined where nothing tells. */
  readonly madeVolumes?: () => Promise<number>
  /** Files of a tree; undefined where volumes have no bytes in this lab. */
  readonly files:
    | {
        write(path: string, content: string): Promise<void>
        read(path: string): Promise<string | undefined>
      }
    | undefined
}

const signal = new AbortController().signal
const owner = { cluster: 'lab', systemIdentifier: '7481234567890123456', repository: '3f2a9d0c5b7e' }
const rules = { emptied: ['pg_wal'], last: ['global/pg_control'] }

export function snapshotContract(name: string, open: () => Promise<SnapshotLab>): void {
  describe(`snapshot contract: ${name}`, () => {
    let lab: SnapshotLab
    let volumes: readonly Volume[]
    let taken: readonly TakenSnapshot[]
    const id = '20260301T020000Z-snapshot'
    const request = (more: Partial<CreateRequest> = {}): CreateRequest => ({
      ...owner,
      id,
      volumes,
      copyRules: rules,
      ...more,
    })
    const pathOf = (holds: Tree['holds'], file: string): string =>
      `${lab.trees.find(tree => tree.holds === holds)?.path ?? ''}/${file}`
    const found = async (): Promise<readonly string[]> =>
      (
        await lab.provider.list(
          owner,
          volumes.map(({ mountPath }) => mountPath),
          signal,
        )
      )
        .map(snapshot => `${snapshot.id} ${snapshot.volume}`)
        .toSorted()
    const known = (volume: string): KnownSnapshot => {
      const snapshot = taken.find(one => one.volume === volume)
      if (!snapshot) throw new Error(`a snapshot of ${volume} was taken`)
      return snapshot
    }

    beforeAll(async () => {
      lab = await open()
      await lab.files?.write(pathOf('data', 'base/1'), 'before')
      await lab.files?.write(pathOf('data', 'global/pg_control'), 'control before')
      await lab.files?.write(pathOf('16500', 'PG_15/2'), 'before, too')
      await lab.files?.write(pathOf('16501', 'PG_15/3'), 'and this')
      volumes = await lab.provider.volumesOf(lab.trees, signal)
    })
    afterAll(async () => {
      await lab[Symbol.asyncDispose]()
    })

    test('finds the volumes that folders lie on, each once, and where in them', () => {
      expect(volumes.map(({ trees }) => trees.map(({ holds }) => holds))).toEqual([
        ['data', '16501'],
        ['16500'],
      ])
      expect(new Set(volumes.map(volume => volume.name)).size).toBe(2)
      for (const { mountPath, trees } of volumes)
        for (const { path, inside } of trees)
          expect(path).toBe(inside === '' ? mountPath : `${mountPath === '/' ? '' : mountPath}/${inside}`)
    })

    test('knows of no snapshot before there is one', async () => {
      expect(await found()).toEqual([])
    })

    test('takes snapshots of all volumes at once, and tells them in their order', async () => {
      taken = await lab.provider.create(request({ last: volumes[0]?.name }), signal)
      expect(taken.map(({ volume }) => volume)).toEqual(volumes.map(volume => volume.name))
      expect(new Set(taken.map(({ reference }) => reference)).size).toBe(2)
      expect(await found()).toEqual(volumes.map(volume => `${id} ${volume.name}`).toSorted())
    })

    test('a snapshot is there, and one that was never made is not', async () => {
      for (const snapshot of taken)
        expect((await lab.provider.describe(snapshot, signal))?.state).toMatch(/^(ready|pending)$/)
      const other = await lab.provider.list(
        { ...owner, cluster: 'another' },
        volumes.map(({ mountPath }) => mountPath),
        signal,
      )
      expect(other, 'of another cluster').toEqual([])
    })

    test('when one volume fails, nothing of the others is left', async () => {
      const second = '20260301T030000Z-snapshot'
      await expect(lab.brokenProvider.create(request({ id: second }), signal)).rejects.toMatchObject({
        name: 'Fault',
        code: 'SNAPSHOT_FAILED',
      })
      expect((await found()).filter(line => line.startsWith(second))).toEqual([])
      expect((await found()).filter(line => line.startsWith(id))).toHaveLength(2)
    })

    test('a call that is stopped before it begins takes nothing', async () => {
      const third = '20260301T040000Z-snapshot'
      await expect(
        lab.provider.create(request({ id: third }), AbortSignal.abort(new Error('stopped'))),
      ).rejects.toThrow('stopped')
      expect((await found()).filter(line => line.startsWith(third))).toEqual([])
    })

    test('what comes back is as it was, can be written, and does not change the snapshot', async () => {
      const { restoreFolder, files, provider } = lab
      if (restoreFolder === undefined) {
        console.warn(`left out: restoring on ${name}: nothing can be mounted here`)
        return
      }
      await files?.write(pathOf('data', 'base/1'), 'after')
      for (const round of ['one', 'two']) {
        for (const volume of volumes) {
          const trees = provider.restores === 'trees' ? volume.trees : [undefined]
          for (const tree of trees) {
            const to = `${restoreFolder}/${round}-${volume.name}-${tree?.holds ?? 'all'}`
            const place = await provider.restore(
              {
                ...owner,
                id,
                snapshot: known(volume.name),
                fileSystem: volume.fileSystem,
                inside: tree?.inside ?? '',
                to,
              },
              signal,
            )
            expect(place.what).not.toBe('')
            for (const { holds, inside } of tree ? [tree] : volume.trees) {
              const root = tree || inside === '' ? to : `${to}/${inside}`
              if (holds === 'data') expect(await files?.read(`${root}/base/1`)).toBe(files && 'before')
              if (holds === '16500') expect(await files?.read(`${root}/PG_15/2`)).toBe(files && 'before, too')
              if (holds === '16501') expect(await files?.read(`${root}/PG_15/3`)).toBe(files && 'and this')
              await files?.write(`${root}/base/1`, 'changed in the copy')
            }
            await place.discard(signal)
            expect(await files?.read(`${to}/base/1`)).toBeUndefined()
          }
        }
      }
    })

    test('what was made for somebody who was killed is taken away by what he asked for, and twice does no harm', async () => {
      const { restoreFolder, files, provider } = lab
      const [volume] = volumes
      if (provider.restores === 'trees' || restoreFolder === undefined || !volume) return
      const to = `${restoreFolder}/killed-${volume.name}`
      const { fileSystem } = volume
      const wish = { ...owner, id, snapshot: known(volume.name), fileSystem, inside: '', to }
      await provider.discard?.(wish, signal)
      await provider.restore(wish, signal)
      const other = `${restoreFolder}/other-${volume.name}`
      const kept = await provider.restore({ ...wish, to: other }, signal)
      await provider.discard?.(wish, signal)
      await provider.discard?.(wish, signal)
      expect(await files?.read(`${to}/base/1`)).toBeUndefined()
      expect(await lab.madeVolumes?.()).toBe(lab.madeVolumes && 1)
      await kept.discard(signal)
      expect(await lab.madeVolumes?.()).toBe(lab.madeVolumes && 0)
    })

    test('is removed for good, and twice does no harm', async () => {
      for (const snapshot of taken) await lab.provider.remove(snapshot, signal)
      for (const snapshot of taken) await lab.provider.remove(snapshot, signal)
      for (const snapshot of taken) expect(await lab.provider.describe(snapshot, signal)).toBeUndefined()
      expect(await found()).toEqual([])
    })
  })
}
