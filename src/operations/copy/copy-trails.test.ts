import { expect, test } from 'vitest'
import { beforeFirst, encodeEntry, type Head } from '../../audit/entry.ts'
import { silentProgress } from '../../base/progress.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import { putAuditBatch } from '../../repository/audit-batches.ts'
import { openMemoryStorage } from '../../storage/drivers/memory.ts'
import { checkContents } from '../audit/verify.ts'
import { copyTrails, trailsToCopy } from './copy-trails.ts'
import type { CopySide } from './sides.ts'

const { signal } = new AbortController()
const identity = {
  cluster: 'gathr',
  systemIdentifier: '7481234567890123456',
  postgresMajor: 15,
  walSegmentSizeBytes: 1 << 24,
}
const who = { user: 'postgres', uid: 101, host: 'db1', pid: 7, by: 'hand', terminal: true }

type Side = CopySide & { readonly encoding: Encoding }

async function sideOf(name: string, kind: 'sealed' | 'open' = 'sealed'): Promise<Side> {
  const { identity: secret, recipient } = await generateIdentity()
  const repository = { storage: openMemoryStorage({ now: () => 0 }), identity, id: name }
  const recipients = kind === 'sealed' ? [recipient] : []
  return { name, repository, recipients, identities: [secret], encoding: { level: 3, recipients } }
}

/** A chain of so many entries. */
function chainOf(name: string, count: number): readonly { readonly line: string; readonly head: Head }[] {
  const at = '2026-03-01T00:00:00.000Z'
  const made: { line: string; head: Head }[] = []
  let head = beforeFirst(name)
  for (let n = 1; n <= count; n++) {
    const encoded = encodeEntry(head, { event: 'note', at, operation: 'a', who, about: 'hook', facts: {} })
    head = encoded.head
    made.push(encoded)
  }
  return made
}

async function send(to: Side, chain: ReturnType<typeof chainOf>, first: number, last: number): Promise<void> {
  const part = chain.slice(first - 1, last)
  const end = part.at(-1)
  if (!end) throw new Error('there are such entries')
  const name = { chain: end.head.chain, first, last, hash: end.head.hash }
  const lines = part.map(({ line }) => line)
  await putAuditBatch(to.repository, name, lines, to.encoding, signal)
}

const copy = async (from: Side, to: Side) =>
  copyTrails({ from, to, arrival: 'read back' }, await trailsToCopy(from, to, signal), silentProgress, signal)
const contents = ({ repository, identities, name }: Side) =>
  checkContents({ name, repository }, identities, signal)

test('trails of all hosts arrive for other recipients, once, and are proven from the copy alone', async () => {
  const [from, to] = await Promise.all([sideOf('main'), sideOf('second')])
  const [one, other] = [chainOf('db1-aa', 5), chainOf('db2-bb', 3)]
  await send(from, one, 1, 2)
  await send(from, one, 3, 5)
  await send(from, other, 1, 3)
  expect(await copy(from, to)).toMatchObject({ objects: 3, problems: [] })
  expect(await contents(to)).toEqual({ entries: 8, problems: [] })
  expect(await copy(from, to)).toMatchObject({ objects: 0, problems: [] })
})

test('entries that the destination got in other objects are not brought again, and the rest fits to them', async () => {
  const [from, to] = await Promise.all([sideOf('main'), sideOf('second')])
  const chain = chainOf('db1-aa', 6)
  await send(from, chain, 1, 2)
  await send(from, chain, 3, 4)
  await send(from, chain, 5, 6)
  await send(to, chain, 1, 3)
  expect(await copy(from, to)).toMatchObject({ objects: 2, problems: [] })
  expect(await contents(to)).toEqual({ entries: 6, problems: [] })
})

test('what lies open stays away from what is sealed, and is told', async () => {
  const [from, to] = await Promise.all([sideOf('main', 'open'), sideOf('second')])
  await send(from, chainOf('db1-aa', 2), 1, 2)
  const { missing, left } = await trailsToCopy(from, to, signal)
  expect(missing).toEqual([])
  expect(left).toMatchObject([{ why: 'it is not encrypted, and "second" holds only what is' }])
})
