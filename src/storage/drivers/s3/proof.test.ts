import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { Fault } from '../../../base/fault.ts'
import { simWorld, type World } from '../../../base/world.ts'
import type { Api } from './client.ts'
import { parametersOf } from './parameters.ts'
import { placeOf } from './place.ts'
import { openProver, type Prover } from './proof.ts'

const { signal } = new AbortController()
const wal = (n: number): string => `lab/wal/00000001/00000000/00000001000000000000000${String(n)}.zst.age`

interface Bucket {
  readonly prover: Prover
  readonly lists: string[]
  /** Those that wait have waited for long enough. */
  readonly endWait: () => void
  /** Sizes and tags by key. */
  readonly objects: Map<string, { sizeBytes: number; tag: string }>
}

function bucket(refusal?: Fault): Bucket {
  const url = 's3://bucket/prefix'
  const lists: string[] = []
  const objects: Bucket['objects'] = new Map()
  const send = (_request: unknown, command: unknown): Promise<unknown> => {
    if (!(command instanceof ListObjectsV2Command))
      throw new Error('assertion failed: only lists are asked for')
    const { Prefix = '', StartAfter = '', MaxKeys = 0 } = command.input
    lists.push(Prefix)
    if (refusal) return Promise.reject(refusal)
    const Contents = [...objects]
      .map(([key, { sizeBytes, tag }]) => ({ Key: `prefix/${key}`, Size: sizeBytes, ETag: `"${tag}"` }))
      .filter(({ Key }) => Key.startsWith(Prefix) && Key > StartAfter)
      .toSorted((a, b) => (a.Key < b.Key ? -1 : 1))
    return Promise.resolve({ Contents: Contents.slice(0, MaxKeys) })
  }
  const { world, endWait } = patientWorld()
  const api = { place: placeOf(new URL(url)), world, send } as unknown as Api
  return { prover: openProver(api, parametersOf({ url })), lists, objects, endWait }
}

/** No time passes here by itself. */
function patientWorld(): { readonly world: World; readonly endWait: () => void } {
  const world = simWorld()
  let wake: (() => void) | undefined
  const sleep = (_ms: number, stop: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      wake = resolve
      stop.addEventListener('abort', () => {
        reject(new Error('woken'))
      })
    })
  return { world: { ...world, clock: { ...world.clock, sleep } }, endWait: () => wake?.() }
}

/** While another write is under way, which ends when all of these have asked. */
async function proveTogether(
  { prover }: Bucket,
  written: readonly (readonly [key: string, sizeBytes: number, tag: string])[],
): Promise<readonly boolean[]> {
  const asked = Promise.withResolvers<undefined>()
  const other = prover.writing(() => asked.promise)
  const proofs = written.map(([key, sizeBytes, entityTag]) =>
    prover.isListed({ key, sizeBytes, entityTag }, signal),
  )
  asked.resolve(undefined)
  await other
  return Promise.all(proofs)
}

test('writes of one folder that end together are proven by one list', async () => {
  const place = bucket()
  const keys = [3, 1, 2].map(wal)
  for (const key of keys) place.objects.set(key, { sizeBytes: 7, tag: key })
  place.objects.set(wal(0), { sizeBytes: 1, tag: 'older' })
  expect(
    await proveTogether(
      place,
      keys.map(key => [key, 7, key] as const),
    ),
  ).toEqual([true, true, true])
  expect(place.lists).toEqual(['prefix/lab/wal/00000001/00000000/'])
})

test('one that is written alone, or whose server tells no tag, is left to be looked at by itself', async () => {
  const place = bucket()
  place.objects.set(wal(1), { sizeBytes: 7, tag: 'a' })
  expect(await place.prover.isListed({ key: wal(1), sizeBytes: 7, entityTag: 'a' }, signal)).toBe(false)
  expect(await place.prover.isListed({ key: wal(1), sizeBytes: 7, entityTag: undefined }, signal)).toBe(false)
  expect(place.lists).toEqual([])
})

test('what a list does not show, or shows with another size or tag, is not proven', async () => {
  const place = bucket()
  const written = { sizeBytes: 7, tag: 'a' }
  for (const n of [1, 2, 3]) place.objects.set(wal(n), written)
  const proofs = await proveTogether(place, [
    [wal(1), 7, 'a'],
    [wal(2), 8, 'a'],
    [wal(3), 7, 'b'],
    [wal(4), 7, 'a'],
  ])
  expect(proofs).toEqual([true, false, false, false])
})

test('who may not list has each looked at by itself', async () => {
  const place = bucket(new Fault('STORAGE_DENIED', 'no lists', { hint: 'Ask for the right.' }))
  for (const n of [1, 2]) place.objects.set(wal(n), { sizeBytes: 7, tag: 'a' })
  const written = [1, 2].map(n => [wal(n), 7, 'a'] as const)
  expect(await proveTogether(place, written)).toEqual([false, false])
  expect(place.lists).toHaveLength(1)
})

test('who is told to stop does not wait for the others', async () => {
  const place = bucket()
  const stop = new AbortController()
  void place.prover.writing(() => new Promise(() => undefined))
  const first = place.prover.isListed({ key: wal(1), sizeBytes: 7, entityTag: 'a' }, stop.signal)
  stop.abort()
  expect(await first).toBe(false)
})

test('of many writes, one that ends while none is under way waits for those to come; one that is left alone does not', async () => {
  const place = bucket()
  for (const n of [1, 2, 3, 4, 5]) place.objects.set(wal(n), { sizeBytes: 7, tag: 'a' })
  const { prover } = place
  const prove = (n: number): Promise<boolean> =>
    prover.isListed({ key: wal(n), sizeBytes: 7, entityTag: 'a' }, signal)
  const first = Promise.withResolvers<undefined>()
  const writes = [prover.writing(() => first.promise), prover.writing(() => Promise.resolve(undefined))]
  await writes[1]
  const proofs = [prove(1)]
  first.resolve(undefined)
  await writes[0]
  proofs.push(prove(2))
  await prover.writing(() => Promise.resolve(undefined))
  proofs.push(prove(3))
  place.endWait()
  expect(await Promise.all(proofs)).toEqual([true, true, true])
  expect(place.lists).toHaveLength(1)

  const last = prove(4)
  place.endWait()
  expect(await last).toBe(false)
  expect(await prove(5)).toBe(false)
  expect(place.lists).toHaveLength(1)
})
