import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { simWorld, systemWorld } from '../../base/world.ts'
import { clearLeftScratch, makeScratchFolder, whatIsLeftOf, type ScratchVolume } from './scratch-folder.ts'

const world = systemWorld()
const account = { userId: process.getuid?.() ?? 0, groupId: process.getgid?.() ?? 0 }
let place: string

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'hf-scratch-'))
  discarded = []
  cannot = undefined
})

afterEach(() => {
  rmSync(place, { recursive: true, force: true })
})

let discarded: string[]
let cannot: string | undefined
const discard = ({ request }: ScratchVolume): Promise<void> => {
  if (cannot !== undefined) return Promise.reject(new Error(cannot))
  discarded.push(request.to)
  return Promise.resolve()
}
const make = () => makeScratchFolder({ place, purpose: 'drill', account, discard }, world)
const clear = () => clearLeftScratch({ place, purpose: 'drill', discard }, world)

const volumeAt = (to: string): ScratchVolume => ({
  provider: 'zfs',
  request: {
    cluster: 'lab',
    systemIdentifier: '7481234567890123456',
    id: '20260301T020000Z-snapshot',
    snapshot: { volume: 'data', reference: 'pool/data@one', details: {} },
    fileSystem: 'zfs',
    inside: '',
    to,
  },
})

/** As if it had been written by a process that is gone. */
function orphan(notePath: string): void {
  const note = JSON.parse(readFileSync(notePath, 'utf8')) as { process: Record<string, unknown> }
  note.process['startTicks'] = '1'
  writeFileSync(notePath, JSON.stringify(note))
}

describe('scratch space', () => {
  test('is there with its note, and gone with it', async () => {
    const scratch = await make()
    writeFileSync(join(scratch.path, 'file'), 'x')
    expect(readdirSync(place)).toHaveLength(2)
    expect(await scratch.remove()).toEqual([])
    expect(await whatIsLeftOf(scratch)).toEqual([])
    expect(readdirSync(place)).toEqual([])
  })

  test('of somebody who works in it is left alone', async () => {
    await using scratch = await make()
    expect(await clear()).toEqual([])
    expect(await whatIsLeftOf(scratch)).toHaveLength(2)
  })

  test('of somebody who died is removed', async () => {
    const scratch = await make()
    mkdirSync(join(scratch.path, 'data'))
    orphan(`${scratch.path}.json`)
    expect(await clear()).toEqual([{ path: scratch.path, kept: undefined }])
    expect(readdirSync(place)).toEqual([])
  })

  test('takes away the volumes that were made for it, and stays as long as one of them can not be', async () => {
    const scratch = await make()
    const [data, other] = [join(scratch.path, 'data.volumes/data'), join(scratch.path, 'data.volumes/ts1')]
    await scratch.willMake(volumeAt(data))
    await scratch.willMake(volumeAt(other))
    mkdirSync(data, { recursive: true })
    orphan(`${scratch.path}.json`)
    cannot = 'the cloud does not answer'
    const told = 'the volume of data of 20260301T020000Z-snapshot, made by zfs: the cloud does not answer'
    expect(await clear()).toEqual([{ path: scratch.path, kept: `${told}; ${told}` }])
    expect(existsSync(data)).toBe(true)
    cannot = undefined
    expect(await clear()).toEqual([{ path: scratch.path, kept: undefined }])
    expect(discarded).toEqual([other, data])
    expect(readdirSync(place)).toEqual([])
  })

  test('whose note names a volume outside of it is nobody’s to remove', async () => {
    const scratch = await make()
    await scratch.willMake(volumeAt(join(scratch.path, '../elsewhere')))
    orphan(`${scratch.path}.json`)
    expect(await clear()).toEqual([{ path: scratch.path, kept: 'its note can not be read' }])
    expect(discarded).toEqual([])
  })

  test('without a note, or with one that can not be read, is nobody’s to remove', async () => {
    mkdirSync(join(place, 'holdfast-drill-0123456789abcdef'))
    mkdirSync(join(place, 'holdfast-drill-1111111111111111'))
    writeFileSync(join(place, 'holdfast-drill-1111111111111111.json'), '{}')
    mkdirSync(join(place, 'holdfast-table-2222222222222222'))
    writeFileSync(join(place, 'holdfast-table-2222222222222222.json'), '{}')
    const before = readdirSync(place)
    expect(await clear()).toMatchObject([{ kept: 'its note can not be read' }])
    expect(readdirSync(place)).toEqual(before)
  })

  test('does not take over a folder that is there already', async () => {
    const sim = simWorld({ seed: 7 })
    const first = await makeScratchFolder({ place, purpose: 'drill', account, discard }, sim)
    rmSync(`${first.path}.json`)
    await expect(
      makeScratchFolder({ place, purpose: 'drill', account, discard }, simWorld({ seed: 7 })),
    ).rejects.toMatchObject({ code: 'TARGET_DIRECTORY' })
    // What was there stays, without a note that would give it away.
    expect(readdirSync(place)).toHaveLength(1)
  })

  test('a place that does not exist has nothing left in it', async () => {
    expect(
      await clearLeftScratch({ place: join(place, 'nowhere'), purpose: 'drill', discard }, world),
    ).toEqual([])
  })
})
