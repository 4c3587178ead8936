import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  copyDeps,
  damage,
  emptyPlace,
  labIdentity,
  labSignal as signal,
  labWorld,
  objectsIn,
  opened,
  openMemorySide,
  packContent,
  putBackup,
  putWal,
  replace,
  segment,
  walContent,
  withRepository,
  type MemorySide,
} from '../../../test/fakes/copy-lab.ts'
import { isFault, type FaultCode } from '../../base/fault.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import { readBackup } from '../../repository/catalog.ts'
import { acquireLease, leaseOwner } from '../../repository/lease.ts'
import { initRepository } from '../../repository/repository.ts'
import type { Storage } from '../../storage/storage.ts'
import { copyRepository, type CopyOptions } from './copy.ts'

const everything: CopyOptions = { ids: undefined, wal: true, backups: true, dumps: true, dryRun: false }
const [mine, theirs] = await Promise.all([generateIdentity(), generateIdentity()])
const full = '20260301T020000Z-full'
const child = '20260302T020000Z-incremental'
const later = '20260308T020000Z-full'
const fault = (code: FaultCode) => (error: unknown) => isFault(error, code)

describe('a copy for the same recipients', () => {
  test('is the source, byte by byte, with a record of its own as a repository', async () => {
    const from = await scene()
    const to = emptyPlace('second', mine)
    const report = await copyRepository(copyDeps(from, to), everything, signal)
    expect(report).toMatchObject({ problems: [], copied: { backups: [later, full, child], walFiles: 9 } })
    const [source, copy] = [await objectsIn(from.storage), await objectsIn(to.storage)]
    expect([...copy.keys()]).toEqual([...source.keys()])
    const different = [...copy].filter(([key, bytes]) => !source.get(key)?.equals(bytes)).map(([key]) => key)
    expect(different.filter(key => key !== 'holdfast.json' && key !== 'gathr/cluster.json')).toEqual([])
    expect((await withRepository(to)).repository.id).not.toBe(from.repository.id)
  })

  test('that is made again copies nothing, and brings over what came since', async () => {
    const from = await scene()
    const to = emptyPlace('second', mine)
    await copyRepository(copyDeps(from, to), everything, signal)
    const again = await copyRepository(copyDeps(from, to), everything, signal)
    expect(again).toMatchObject({ problems: [], totals: { backups: 0, walFiles: 0, bytes: 0 } })
    await putWal(from, [segment(10), '00000002.history'])
    const third = await copyRepository(copyDeps(from, to), everything, signal)
    expect(third.copied).toMatchObject({ backups: [], walFiles: 2 })
  })

  test('needs no key, and says how much nobody could look at', async () => {
    const from = { ...(await scene()), identities: [] }
    const to = emptyPlace('second', mine)
    const report = await copyRepository(copyDeps(from, to), everything, signal)
    expect(report).toMatchObject({ problems: [], copied: { unproven: 9 } })
  })

  test('finds what the archiver stored while it went on, sealed anew, and takes it for what it holds', async () => {
    const from = await scene()
    const to = await openMemorySide('second', mine)
    const name = segment(3)
    let isFirst = true
    const raced: MemorySide = {
      ...to,
      storage: {
        ...to.storage,
        async create(key, stop) {
          if (key.includes(name) && isFirst) {
            isFirst = false
            await putWal(to, [name])
          }
          return to.storage.create(key, stop)
        },
      },
    }
    const report = await copyRepository(copyDeps(from, raced), everything, signal)
    expect(isFirst).toBe(false)
    expect(report).toMatchObject({ problems: [], copied: { backups: [later, full, child], walFiles: 8 } })
  })

  test('a dry run touches nothing and says what it would do', async () => {
    const from = await scene()
    const to = emptyPlace('second', mine)
    const report = await copyRepository(copyDeps(from, to), { ...everything, dryRun: true }, signal)
    expect(report).toMatchObject({ isDryRun: true, totals: { backups: 3, walFiles: 9 } })
    expect(report.steps.map(({ backup }) => backup).filter(Boolean)).toEqual([later, full, child])
    expect(await objectsIn(to.storage)).toEqual(new Map())
  })

  test('of one backup takes with it what that is based on, and the WAL of both', async () => {
    const from = await scene()
    const to = emptyPlace('second', mine)
    const only = { ...everything, ids: [child], wal: false }
    const report = await copyRepository(copyDeps(from, to), only, signal)
    expect(report.copied).toMatchObject({ backups: [full, child], walFiles: 4 })
    await expect(
      copyRepository(copyDeps(from, to), { ...only, ids: ['20200101T000000Z-full'] }, signal),
    ).rejects.toSatisfy(fault('BACKUP_NOT_FOUND'))
  })

  test('writes the commit of a backup last, after the WAL that it needs', async () => {
    const from = await scene()
    const order: string[] = []
    const to = emptyPlace('second', mine)
    const storage = recording(to.storage, order)
    await copyRepository(copyDeps(from, { ...to, storage }), everything, signal)
    for (const id of [full, child, later]) {
      const record = await readBackup(from.repository, id, signal)
      const at = order.indexOf(`gathr/backups/${id}/backup.json`)
      const needed = order.filter(
        key =>
          (key.includes(`/${id}/`) && !key.endsWith('/backup.json')) ||
          key.includes(`/${record.startWal}.zst`) ||
          key.includes(`/${record.stopWal}.zst`),
      )
      expect(needed).toHaveLength(record.startWal === record.stopWal ? 5 : 6)
      expect(needed.every(key => order.indexOf(key) < at)).toBe(true)
    }
  })
})

describe('a copy for other recipients', () => {
  test('opens with the other key alone, holds the same, and its record says the truth', async () => {
    const from = await scene()
    const to = emptyPlace('second', theirs)
    const report = await copyRepository(copyDeps(from, to), everything, signal)
    expect(report.problems).toEqual([])
    const { repository, storage } = await withRepository(to)
    const record = await readBackup(repository, full, signal)
    expect(record).toMatchObject({
      recipients: [theirs.recipient],
      copiedFrom: { repository: from.repository.id },
    })
    const stored = await objectsIn(storage)
    for (const { name, sizeBytes, sha256 } of [...record.packs, record.manifest, record.backupManifest]) {
      const key = `gathr/backups/${full}/${name}`
      const bytes = stored.get(key) ?? Buffer.alloc(0)
      expect({ sizeBytes: bytes.length, sha256: sha256Of(bytes) }).toEqual({ sizeBytes, sha256 })
      expect(await opened(storage, key, theirs.identity)).toEqual(packContent(full, name))
      await expect(opened(storage, key, mine.identity)).rejects.toSatisfy(fault('KEY_WRONG'))
    }
    const key = [...stored.keys()].find(name => name.includes(segment(3))) ?? ''
    expect(await opened(storage, key, theirs.identity)).toEqual(walContent(segment(3)))
  })

  test('that is made again copies nothing', async () => {
    const from = await scene()
    const to = emptyPlace('second', theirs)
    await copyRepository(copyDeps(from, to), everything, signal)
    const before = await objectsIn(to.storage)
    const again = await copyRepository(copyDeps(from, to), everything, signal)
    expect(again).toMatchObject({ problems: [], copied: { objects: 0 } })
    expect(await objectsIn(to.storage)).toEqual(before)
  })

  test('is refused without a key, and between what is encrypted and what is not', async () => {
    const from = await scene()
    const run = (source: MemorySide, keys: typeof mine | undefined) =>
      copyRepository(copyDeps(source, emptyPlace('second', keys)), everything, signal)
    await expect(run({ ...from, identities: [] }, theirs)).rejects.toSatisfy(fault('KEY_MISSING'))
    await expect(run(from, undefined)).rejects.toSatisfy(fault('CONFIG_INVALID'))
    await expect(run(await scene('none'), mine)).rejects.toSatisfy(fault('CONFIG_INVALID'))
  })
})

describe('what is wrong in the source', () => {
  test('a damaged pack: its backup and what is based on it are not committed, all others are', async () => {
    const from = await scene()
    await damage(from.storage, `gathr/backups/${full}/data/00002.tar.zst.age`)
    const to = emptyPlace('second', mine)
    const report = await copyRepository(copyDeps(from, to), everything, signal)
    expect(report.copied).toMatchObject({ backups: [later], walFiles: 9 })
    expect(report.problems.map(({ what, code }) => [what, code])).toEqual([
      [`backup ${full}`, 'OBJECT_CORRUPT'],
      [`backup ${child}`, 'OBJECT_MISSING'],
    ])
    const keys = [...(await objectsIn(to.storage)).keys()]
    expect(keys).not.toContain(`gathr/backups/${full}/data/00002.tar.zst.age`)
    expect(keys).not.toContain(`gathr/backups/${full}/backup.json`)
  })

  test('a damaged segment is not copied, and a backup that needs it is not committed', async () => {
    const from = await scene()
    await damage(from.storage, walKeyOf(segment(2)), 0.9)
    const to = emptyPlace('second', mine)
    const report = await copyRepository(copyDeps(from, to), everything, signal)
    expect(report.copied).toMatchObject({ backups: [later], walFiles: 8 })
    expect(report.problems[0]).toMatchObject({ code: 'OBJECT_CORRUPT', what: walKeyOf(segment(2)) })
    expect((await objectsIn(to.storage)).has(walKeyOf(segment(2)))).toBe(false)
  })

  test('a segment whose header is damaged looks like one for another key: it is copied as it is, and told', async () => {
    const from = await scene()
    const bytes = (await objectsIn(from.storage)).get(walKeyOf(segment(2))) ?? Buffer.alloc(0)
    await damage(from.storage, walKeyOf(segment(2)), (bytes.indexOf('X25519') + 15) / bytes.length)
    const report = await copyRepository(copyDeps(from, emptyPlace('second', mine)), everything, signal)
    expect(report.problems).toMatchObject([{ code: 'KEY_WRONG', what: walKeyOf(segment(2)) }])
    expect(report.copied).toMatchObject({ backups: [later, full, child], walFiles: 9, unproven: 1 })
  })

  test('is taken from another repository that still has it, and told', async () => {
    const from = await scene()
    const third = emptyPlace('third', mine)
    await copyRepository(copyDeps(from, third), everything, signal)
    await damage(from.storage, `gathr/backups/${full}/data/00002.tar.zst.age`)
    await from.storage.delete([`gathr/backups/${full}/data/00001.tar.zst.age`], signal)
    await damage(from.storage, walKeyOf(segment(2)), 0.9)
    const to = emptyPlace('second', mine)
    const report = await copyRepository(copyDeps(from, to, [await withRepository(third)]), everything, signal)
    expect(report.copied.backups).toEqual([later, full, child])
    expect(report.problems.map(({ message }) => message)).toEqual(
      Array(3).fill(expect.stringContaining('it was taken from "third"')),
    )
    const copy = await objectsIn(to.storage)
    for (const [key, bytes] of await objectsIn(third.storage))
      if (key.includes('/backups/') || key.includes('/wal/')) expect(copy.get(key)).toEqual(bytes)
  })

  test('a segment that a backup needs and nobody has: the backup is not committed', async () => {
    const from = await scene()
    await from.storage.delete([walKeyOf(segment(2))], signal)
    const report = await copyRepository(copyDeps(from, emptyPlace('second', mine)), everything, signal)
    expect(report.copied.backups).toEqual([later])
    expect(report.problems[0]?.message).toContain(`WAL segment ${segment(2)}`)
  })
})

describe('what is wrong at the destination', () => {
  test('wrong bytes of the right size, left by a copy that was cut off, are found by their hash and replaced', async () => {
    const from = await scene()
    const to = emptyPlace('second', mine)
    await copyRepository(copyDeps(from, to), everything, signal)
    const whole = await objectsIn(to.storage)
    await to.storage.delete([`gathr/backups/${full}/backup.json`], signal)
    await damage(to.storage, `gathr/backups/${full}/data/00001.tar.zst.age`)
    await replace(to.storage, `gathr/backups/${full}/manifest.json.zst.age`, Buffer.alloc(3))
    const report = await copyRepository(copyDeps(from, to), everything, signal)
    expect(report).toMatchObject({ problems: [], copied: { backups: [full], objects: 2 } })
    expect(await objectsIn(to.storage)).toEqual(whole)
  })

  test('wrong bytes of the newest WAL are reported, and stay for repair to judge', async () => {
    for (const keys of [mine, theirs]) {
      const from = await scene()
      const to = emptyPlace('second', keys)
      await copyRepository(copyDeps(from, to), everything, signal)
      await damage(to.storage, walKeyOf(segment(9)))
      const before = await objectsIn(to.storage)
      const report = await copyRepository(copyDeps(from, to), everything, signal)
      expect(report.problems).toMatchObject([{ what: walKeyOf(segment(9)), code: 'OBJECT_CORRUPT' }])
      expect(report.problems[0]?.hint).toContain('repair')
      expect(await objectsIn(to.storage)).toEqual(before)
    }
  })

  test('WAL that an archiver sealed there by itself is right without a key, too; damage is still found', async () => {
    const from = { ...(await scene()), identities: [] }
    const to = await openMemorySide('second', mine)
    await putWal(to, [segment(8), segment(9)])
    const blind = { ...to, identities: [] }
    const report = await copyRepository(copyDeps(from, blind), everything, signal)
    expect(report.problems).toEqual([])
    await damage(to.storage, walKeyOf(segment(7)), 0.9)
    const again = await copyRepository(copyDeps(from, blind), everything, signal)
    expect(again.problems).toMatchObject([{ what: walKeyOf(segment(7)), code: 'OBJECT_CORRUPT' }])
  })

  test('another archive under the same names is a conflict, and nothing is changed', async () => {
    const from = await scene()
    const to = await openMemorySide('second', mine)
    await putWal(to, [segment(8)])
    const bytes = (await objectsIn(to.storage)).get(walKeyOf(segment(8))) ?? Buffer.alloc(0)
    await replace(
      to.storage,
      walKeyOf(segment(8)),
      Buffer.from(bytes.toString('latin1').replace(/sha256=./, 'sha256=0'), 'latin1'),
    )
    const report = await copyRepository(copyDeps(from, to), everything, signal)
    expect(report.problems[0]).toMatchObject({ what: walKeyOf(segment(8)) })
  })

  test('bytes that change on their way are found when they have arrived', async () => {
    const from = await scene()
    const to = emptyPlace('second', mine)
    let left = 2
    const storage = garbling(to.storage, key => key.includes('00001.tar') && left-- > 0)
    const report = await copyRepository(copyDeps(from, { ...to, storage }), everything, signal)
    expect(report.problems).toEqual([])
    const copy = await objectsIn(to.storage)
    for (const [key, bytes] of await objectsIn(from.storage))
      if (key.includes('/data/')) expect(copy.get(key)).toEqual(bytes)
    const always = garbling(emptyPlace('third', mine).storage, key => key.includes('00001.tar'))
    await expect(
      copyRepository(copyDeps(from, { ...to, storage: always }), everything, signal),
    ).rejects.toSatisfy(fault('STORAGE_UNAVAILABLE'))
    expect((await objectsIn(always)).has(`gathr/backups/${later}/data/00001.tar.zst.age`)).toBe(false)
  })

  test('another cluster under the same name is refused', async () => {
    const from = await scene()
    const to = emptyPlace('second', mine)
    await initRepository(to.storage, { ...labIdentity, systemIdentifier: '1' }, labWorld, signal)
    await expect(copyRepository(copyDeps(from, to), everything, signal)).rejects.toSatisfy(
      fault('CLUSTER_MISMATCH'),
    )
  })

  test('while somebody else makes a backup there, backups wait and WAL is copied', async () => {
    const from = await scene()
    const to = await openMemorySide('second', mine)
    const owner = await leaseOwner('backup')
    await using _lease = await acquireLease(to.repository, 'backup', owner, labWorld, signal)
    const report = await copyRepository(copyDeps(from, to), everything, signal)
    expect(report.copied).toMatchObject({ backups: [], walFiles: 9 })
    expect(report.problems.map(({ code }) => code)).toEqual([
      'REPOSITORY_LOCKED',
      'REPOSITORY_LOCKED',
      'OBJECT_MISSING',
    ])
  })
})

/** A full backup with a child, a later full one, and WAL that leads on. */
async function scene(keys: typeof mine | 'none' = mine): Promise<MemorySide> {
  const side = await openMemorySide('main', keys === 'none' ? undefined : keys)
  await putBackup(side, full, [1, 2])
  await putBackup(side, child, [3, 4], { parent: full })
  await putBackup(side, later, [6, 7])
  await putWal(side, [segment(5), segment(8), segment(9)])
  return side
}

const walKeyOf = (name: string): string => `gathr/wal/00000001/00000016/${name}.zst.age`

function recording(inner: Storage, order: string[]): Storage {
  return {
    ...inner,
    async put(key, body, stop) {
      const outcome = await inner.put(key, body, stop)
      order.push(key)
      return outcome
    },
    async create(key, stop) {
      const writer = await inner.create(key, stop)
      return {
        ...writer,
        async commit() {
          const outcome = await writer.commit()
          order.push(key)
          return outcome
        },
      }
    },
  }
}

/** Stores one wrong bit in what these keys hold. */
function garbling(inner: Storage, isChosen: (key: string) => boolean): Storage {
  return {
    ...inner,
    async create(key, stop) {
      const writer = await inner.create(key, stop)
      if (!isChosen(key)) return writer
      return {
        ...writer,
        write: bytes => writer.write(Buffer.from(bytes.map((byte, i) => (i === 100 ? byte ^ 1 : byte)))),
      }
    },
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
