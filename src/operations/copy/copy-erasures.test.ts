import { expect, test } from 'vitest'
import { silentProgress } from '../../base/progress.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import { openMemoryStorage } from '../../storage/drivers/memory.ts'
import {
  putErasure,
  putWithdrawal,
  readErasures,
  readErasureSecret,
  readWithdrawalReason,
} from '../../repository/erasures.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import { copyErasures, erasuresToCopy } from './copy-erasures.ts'
import type { CopySide } from './sides.ts'

const { signal } = new AbortController()
const identity = {
  cluster: 'gathr',
  systemIdentifier: '7481234567890123456',
  postgresMajor: 15,
  walSegmentSizeBytes: 1 << 24,
}
const id = '20260301T101500Z-erasure-1f00a2c4'
const about = { cluster: 'gathr', id, by: 'postgres@db1', tool: 'holdfast' }
const request = {
  record: {
    ...about,
    format: 1,
    requestedAt: '2026-03-01T10:15:00.123456Z',
    lsn: '16/B374D848',
    timeline: 1,
    settled: true,
    database: 'shop',
    databaseOid: 16384,
    statements: 1,
  },
  secret: { format: 1, id, subject: 'request 4711', statements: ['DELETE FROM users WHERE id = 42'] },
} as const
const withdrawal = {
  record: { ...about, format: 1, at: '2026-03-02T09:00:00.000Z' },
  secret: { format: 1, id, reason: 'the wrong person' },
} as const

async function sideOf(name: string): Promise<CopySide & { readonly encoding: Encoding }> {
  const { identity: secret, recipient } = await generateIdentity()
  const repository = { storage: openMemoryStorage({ now: () => 0 }), identity, id: name }
  const recipients = [recipient]
  return { name, repository, recipients, identities: [secret], encoding: { level: 3, recipients } }
}

test('requests and withdrawals arrive for other recipients, once', async () => {
  const [from, to] = await Promise.all([sideOf('main'), sideOf('second')])
  await putErasure(from.repository, from.encoding, request, signal)
  await putWithdrawal(from.repository, from.encoding, withdrawal, signal)
  const missing = await erasuresToCopy(from, to, signal)
  expect(missing.map(({ key }) => key.split('/').at(-1))).toEqual([
    'reason.json.zst.age',
    'statements.json.zst.age',
    'request.json',
    'withdrawn.json',
  ])
  const sides = { from, to, arrival: 'read back' } as const
  const copied = await copyErasures(sides, missing, silentProgress, signal)
  expect(copied).toMatchObject({ objects: 4, problems: [] })
  const [known] = await readErasures(to.repository, signal)
  if (!known) throw new Error('it was copied')
  expect(known.record).toEqual(request.record)
  expect(await readErasureSecret(to.repository, known, to.identities, signal)).toEqual(request.secret)
  expect(await readWithdrawalReason(to.repository, known, to.identities, signal)).toBe('the wrong person')
  await expect(readErasureSecret(to.repository, known, from.identities, signal)).rejects.toMatchObject({
    code: 'KEY_WRONG',
  })
  expect(await erasuresToCopy(from, to, signal)).toEqual([])
})

test('a request whose sealed part can not be opened does not get its record either', async () => {
  const [from, to] = await Promise.all([sideOf('main'), sideOf('second')])
  await putErasure(from.repository, from.encoding, request, signal)
  const sides = { from: { ...from, identities: to.identities }, to, arrival: 'read back' } as const
  const copied = await copyErasures(sides, await erasuresToCopy(from, to, signal), silentProgress, signal)
  expect(copied.problems).toMatchObject([{ code: 'KEY_WRONG' }])
  expect(await readErasures(to.repository, signal)).toEqual([])
})
