import { describe, expect, test } from 'vitest'
import { labSignal, nights, openExpireLab, type ExpireLab } from '../../../test/fakes/expire-lab.ts'
import { putDrillAt } from '../../../test/fakes/drills.ts'
import { day, hour } from '../../base/units.ts'
import { listBackups, readCatalog } from '../../repository/catalog.ts'
import { readDrills } from '../../repository/drill-catalog.ts'
import { readIndex } from '../../repository/catalog-index.ts'
import { writeHold } from '../../repository/holds.ts'
import { acquireLease, leaseOwner } from '../../repository/lease.ts'
import { bodyOf } from '../../storage/storage.ts'
import { expirePlace, planPlace } from './expire.ts'
import { isRemoved } from './plan.ts'

const ids = async ({ repository }: ExpireLab): Promise<string[]> =>
  (await listBackups(repository, labSignal)).map(({ id }) => id.slice(6, 8))
const removedOf = (plan: Awaited<ReturnType<typeof planPlace>>): string[] =>
  plan.items.filter(isRemoved).map(({ id }) => id.slice(6, 8))
const reasonsOf = (plan: Awaited<ReturnType<typeof planPlace>>, id: string): readonly string[] =>
  plan.items.find(item => item.id === id)?.reasons.map(({ text }) => text) ?? []
const segments = async (lab: ExpireLab): Promise<number[]> =>
  (await lab.keys('gathr/wal/')).map(key => Number.parseInt(key.slice(-12, -4), 16))

async function expectFault(work: Promise<unknown>, code: string, says: RegExp): Promise<void> {
  await expect(work).rejects.toMatchObject({ code, message: expect.stringMatching(says) as string })
}

describe('expire', () => {
  test('removes what no rule keeps, with the WAL that nothing needs, exactly as the dry run says', async () => {
    const lab = await openExpireLab()
    await nights(lab, 10)
    lab.at(lab.startMs + 9 * day + hour)
    const deps = lab.deps({ last: 2, walMs: 4 * day, daily: 1 })
    const before = await lab.keys()
    const plan = await planPlace(deps, labSignal)
    expect(await lab.keys()).toEqual(before)
    // Four days ago, at three o'clock: that begins with the backup of the sixth of January, at two.
    // Tomorrow it will begin with that of the seventh.
    expect(removedOf(plan)).toEqual(['01', '02', '03', '04', '05', '08'])
    const done = await expirePlace(deps, undefined, labSignal)
    expect(done.items).toEqual(plan.items)
    expect(done.wal).toEqual(plan.wal)
    expect(done.problems).toEqual([])
    expect(await ids(lab)).toEqual(['06', '07', '09', '10'])
    expect((await segments(lab))[0]).toBe(51)
    expect(done.removed.walFiles).toBe(50)
    expect((await lab.keys('gathr/backups/')).length).toBe(4 * 5)
    expect(await lab.keys('gathr/expiries/')).toEqual([])
    const { index } = await readIndex(lab.repository, labSignal)
    expect(index?.entries.map(({ id }) => id.slice(6, 8))).toEqual(['06', '07', '09', '10'])
    expect(removedOf(await planPlace(deps, labSignal))).toEqual([])
  })

  test('keeps of the WAL of an old backup only what makes it consistent', async () => {
    const lab = await openExpireLab()
    await nights(lab, 10)
    await expirePlace(lab.deps({ last: 1, monthly: 2, weekly: 2, walMs: day }), undefined, labSignal)
    // The newest of the week of 2025-12-29 is the fourth, a Sunday; the window begins on the ninth.
    expect(await ids(lab)).toEqual(['04', '09', '10'])
    expect((await segments(lab)).slice(0, 4)).toEqual([31, 32, 81, 82])
  })

  test('never removes what a kept one is based on, nor the last good one, however bad and late the new ones are', async () => {
    const lab = await openExpireLab()
    const full = await lab.backup()
    lab.at(lab.startMs + day)
    const child = await lab.backup({ parent: full.id })
    lab.at(lab.startMs + 2 * day)
    const checks = { pagesChecked: 9, pagesTorn: 0, pagesCorrupt: 1, corrupt: [] }
    const damaged = await lab.backup({ checks })
    lab.at(lab.startMs + 400 * day)
    const plan = await planPlace(lab.deps({ last: 1, withinMs: day }), labSignal)
    expect(plan.items.filter(isRemoved).map(({ id }) => id)).toEqual([damaged.id])
    expect(reasonsOf(plan, full.id)).toEqual([`${child.id} is based on it`])
    expect(plan.items.find(({ id }) => id === damaged.id)?.flaw).toMatch(/1 damaged page/)
  })

  test.each([
    ['objects', 'gathr/backups/20260105T020000Z-full/data/00001.tar.zst.age', /lacks objects/],
    ['WAL', 'gathr/wal/00000001/00000000/00000001000000000000002A.zst', /lacks WAL/],
  ])('one that lacks %s does not count as good', async (_, key, flaw) => {
    const lab = await openExpireLab()
    const made = await nights(lab, 5)
    expect(await lab.keys(key)).toEqual([key])
    await lab.storage.delete([key], labSignal)
    const plan = await planPlace(lab.deps({ last: 1 }), labSignal)
    expect(plan.items.at(-1)?.flaw).toMatch(flaw)
    expect(reasonsOf(plan, made[3]?.id ?? '')).not.toEqual([])
  })

  test('keeps what is held, until its time or its release', async () => {
    const lab = await openExpireLab()
    const [first] = await nights(lab, 5)
    const id = first?.id ?? ''
    const hold = (held: boolean, untilMs: number | undefined) =>
      writeHold(
        lab.repository,
        {
          id,
          held,
          reason: 'the auditors',
          until: untilMs === undefined ? null : new Date(untilMs).toISOString(),
          at: new Date(lab.world.clock.now()).toISOString(),
          by: 'test',
          tool: 'test',
        },
        labSignal,
      )
    const deps = lab.deps({ last: 1, walMs: hour })
    await hold(true, lab.startMs + 6 * day)
    expect(reasonsOf(await planPlace(deps, labSignal), id)).toEqual([
      'held until 2026-01-07 02:00:00+00:00: the auditors',
    ])
    lab.at(lab.startMs + 7 * day)
    expect(removedOf(await planPlace(deps, labSignal))).toContain('01')
    await hold(true, undefined)
    await expirePlace(deps, undefined, labSignal)
    expect(await ids(lab)).toEqual(['01', '05'])
    expect((await segments(lab)).slice(0, 3)).toEqual([1, 2, 41])
    await hold(false, undefined)
    await expirePlace(deps, undefined, labSignal)
    expect(await ids(lab)).toEqual(['05'])
  })

  test('keeps whole what is locked in part, with its WAL, and says until when', async () => {
    const lab = await openExpireLab()
    const [first] = await nights(lab, 5)
    const untilMs = lab.startMs + 30 * day
    const pack = `gathr/backups/${first?.id ?? ''}/data/00002.tar.zst.age`
    await lab.storage.retain(pack, { mode: 'compliance', untilMs }, labSignal)
    const wal = 'gathr/wal/00000001/00000000/000000010000000000000005.zst'
    await lab.storage.retain(wal, { mode: 'compliance', untilMs }, labSignal)
    const done = await expirePlace(lab.deps({ last: 1, walMs: hour }), undefined, labSignal)
    expect(reasonsOf(done, first?.id ?? '')).toEqual(['locked until 2026-01-31 02:00:00+00:00'])
    expect(done.problems).toEqual([])
    expect((await segments(lab)).slice(0, 4)).toEqual([1, 2, 5, 31])
    expect([...(done.walTallies[0]?.spared ?? [])]).toEqual([['locked until 2026-01-31 02:00:00+00:00', 1]])
  })

  test('never removes what it does not know, wherever that lies', async () => {
    const lab = await openExpireLab()
    const [first] = await nights(lab, 5)
    const strange = [
      'gathr/backups/notes.txt',
      `gathr/backups/${first?.id ?? ''}/README`,
      `gathr/backups/${first?.id ?? ''}/data/notes.txt`,
      'gathr/wal/00000001/00000000/notes',
      'gathr/wal/00000002.history.zst.bak',
      'other/backups/20200101T000000Z-full/data/00001.tar.zst',
      'gathr/dumps/20200101T000000Z-dump/mine',
    ]
    for (const key of strange) await lab.storage.put(key, bodyOf(Buffer.from('?')), labSignal)
    lab.at(lab.startMs + 30 * day)
    await expirePlace(lab.deps({ last: 1, dumps: { last: 1 } }), undefined, labSignal)
    const left = await lab.keys()
    expect(strange.filter(key => !left.includes(key))).toEqual([])
    expect(await ids(lab)).toEqual(['05'])
  })

  test('removes no WAL while a backup can not be read, or awaits its WAL, that may need it', async () => {
    const lab = await openExpireLab()
    const [first] = await nights(lab, 3)
    const key = `gathr/backups/${first?.id ?? ''}/backup.json`
    await lab.storage.delete([key], labSignal)
    await lab.storage.put(key, bodyOf(Buffer.from('{"format": 1')), labSignal)
    const deps = lab.deps({ last: 1, walMs: hour })
    const done = await expirePlace(deps, undefined, labSignal)
    expect(await lab.keys(key)).toEqual([key])
    // The index knows which WAL it needs.
    expect((await segments(lab))[0]).toBe(1)
    expect(done.items.find(({ kind }) => kind === 'unreadable')?.reasons[0]?.text).toMatch(/can not be read/)
  })

  test('removes dumps by their own rules', async () => {
    const lab = await openExpireLab()
    for (let night = 0; night < 5; night++) {
      lab.at(lab.startMs + night * day)
      await lab.dump()
    }
    const deps = lab.deps({ dumps: { withinMs: 2 * day } })
    const done = await expirePlace(deps, undefined, labSignal)
    expect(done.removed.ids).toHaveLength(3)
    const left = new Set((await lab.keys('gathr/dumps/')).map(key => key.split('/')[2]))
    expect([...left]).toEqual(['20260104T020000Z-dump', '20260105T020000Z-dump'])
  })

  test('a clock that is far from that of the storage removes nothing', async () => {
    const lab = await openExpireLab()
    await nights(lab, 5)
    const wrong = { ...lab.world, clock: { ...lab.world.clock, now: () => lab.startMs + 300 * day } }
    await expectFault(
      expirePlace(lab.deps({ withinMs: day }, { world: wrong }), undefined, labSignal),
      'CLOCK_WRONG',
      /ahead of/,
    )
    expect(await ids(lab)).toHaveLength(5)
  })

  test.each(['expire', 'backup', 'dump'] as const)(
    'is refused while somebody holds the lease `%s`',
    async name => {
      const lab = await openExpireLab()
      await nights(lab, 3)
      await using lease = await acquireLease(
        lab.repository,
        name,
        await leaseOwner('test'),
        lab.world,
        labSignal,
      )
      expect(lease.lost.aborted).toBe(false)
      await expectFault(
        expirePlace(lab.deps({ last: 1 }), undefined, labSignal),
        'REPOSITORY_LOCKED',
        /is taken/,
      )
      expect(await ids(lab)).toHaveLength(3)
    },
  )

  test('removes nothing that was not shown, also when more would go by now', async () => {
    const lab = await openExpireLab()
    await nights(lab, 5)
    const deps = lab.deps({ withinMs: 2 * day + hour, walMs: hour })
    const shown = await planPlace(deps, labSignal)
    lab.at(lab.startMs + 5 * day)
    const done = await expirePlace(deps, shown, labSignal)
    expect(done.removed.ids.map(id => id.slice(6, 8))).toEqual(removedOf(shown))
    expect(await ids(lab)).toEqual(['03', '04', '05'])
    expect((await segments(lab))[0]).toBe(21)
  })

  test('keeps what a copy is still to receive, by the rules of the copy, and all of it when the copy can not be asked', async () => {
    const lab = await openExpireLab()
    const copy = await openExpireLab()
    await nights(lab, 6)
    const rules = { minimum: 1, timeZone: 'UTC', last: 3, walMs: hour }
    const receiver = { name: 'second', rules, open: () => Promise.resolve(copy.repository) }
    const deps = lab.deps({ last: 1, walMs: hour }, { receivers: [receiver] })
    expect(removedOf(await planPlace(deps, labSignal))).toEqual(['01', '02', '03'])
    const lost = { ...receiver, open: () => Promise.reject(new Error('a mistake')) }
    await expect(planPlace(lab.deps({ last: 1 }, { receivers: [lost] }), labSignal)).rejects.toThrow(
      'a mistake',
    )
    await nights(copy, 6)
    expect(removedOf(await planPlace(deps, labSignal))).toHaveLength(4)
  })

  test('removes reports of drills that no rule keeps, but the last that passed and what a copy still lacks', async () => {
    const lab = await openExpireLab()
    const copy = await openExpireLab()
    await nights(lab, 2)
    const encoding = { level: 1, recipients: [] }
    const made: string[] = []
    for (const week of [0, 1, 2, 3]) {
      const outcome = week === 1 ? 'passed' : 'failed'
      made.push((await putDrillAt(lab.repository, encoding, lab.startMs + week * 7 * day, { outcome })).id)
    }
    lab.at(lab.startMs + 25 * day)
    const rules = { drills: { last: 1 } }
    const receiver = {
      name: 'second',
      rules: { minimum: 1, timeZone: 'UTC', drills: { last: 2 } },
      open: () => Promise.resolve(copy.repository),
    }
    const owing = await planPlace(lab.deps(rules, { receivers: [receiver] }), labSignal)
    const removedDrills = ({ items }: typeof owing): readonly string[] =>
      items.filter(item => item.kind === 'drill' && isRemoved(item)).map(({ id }) => id)
    expect(removedDrills(owing)).toEqual([made[0]])
    const done = await expirePlace(lab.deps(rules), undefined, labSignal)
    expect(done.problems).toEqual([])
    expect(done.removed.ids).toEqual([made[0], made[2]])
    expect((await readDrills(lab.repository, labSignal)).drills.map(({ id }) => id)).toEqual([
      made[1],
      made[3],
    ])
    expect(await lab.keys('gathr/drills/')).toHaveLength(2 * 3)
  })

  test('sweeps what nobody touched for a day', async () => {
    const lab = await openExpireLab()
    await nights(lab, 3)
    const key = 'gathr/backups/20260101T030000Z-full/data/00001.tar.zst'
    await lab.storage.put(key, bodyOf(Buffer.from('x')), labSignal)
    const deps = lab.deps({})
    expect((await expirePlace(deps, undefined, labSignal)).removed.unfinished).toEqual([])
    lab.at(lab.startMs + 5 * day)
    expect((await expirePlace(deps, undefined, labSignal)).removed.unfinished).toEqual([
      '20260101T030000Z-full',
    ])
    expect(await lab.keys(key)).toEqual([])
    expect((await readCatalog(lab.repository, labSignal)).backups).toHaveLength(3)
  })
})
