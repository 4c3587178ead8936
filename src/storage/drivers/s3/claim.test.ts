import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { limits } from '../../../base/limits.ts'
import { minute } from '../../../base/units.ts'
import { simWorld, type World } from '../../../base/world.ts'
import { Fault } from '../../../base/fault.ts'
import { holdingClaim } from './claim.ts'
import type { Api } from './client.ts'
import { openLooker, tokenName, type Looker } from './look.ts'
import { parametersOf } from './parameters.ts'
import { placeOf } from './place.ts'
import { openProver } from './proof.ts'
import type { Writing } from './writing.ts'

const { signal } = new AbortController()

interface Fake {
  readonly writing: Writing
  readonly world: World
  readonly objects: Map<string, { readonly modifiedMs: number; readonly token: string | undefined }>
}

/** A bucket in memory that refuses a second small object, as every server of this kind does. */
function bucket(): Fake {
  const world = simWorld({ startMs: 1e12 })
  const objects: Fake['objects'] = new Map()
  const send = (_request: unknown, command: unknown): Promise<unknown> => {
    if (command instanceof DeleteObjectCommand) objects.delete(command.input.Key ?? '')
    if (command instanceof PutObjectCommand) {
      const { Key = '', Metadata } = command.input
      if (objects.has(Key)) return Promise.reject(refusal())
      objects.set(Key, { modifiedMs: world.clock.now(), token: Metadata?.[tokenName] })
    }
    return Promise.resolve({})
  }
  const look: Looker['look'] = key => {
    const found = objects.get(key)
    return Promise.resolve(
      found && { info: { key, sizeBytes: 1, modifiedMs: found.modifiedMs }, token: found.token },
    )
  }
  const url = 's3://bucket'
  const api = {
    place: placeOf(new URL(url)),
    access: {},
    world,
    retry: work => work(),
    send: send as Api['send'],
    receive: send as Api['receive'],
    isAmazon: () => false,
    skewMs: () => 0,
    credentialsEndMs: () => Promise.resolve(undefined),
    credentialsEnd: () => Promise.resolve(undefined),
    endpoint: () => undefined,
    close: () => undefined,
  } satisfies Api
  const parameters = parametersOf({ url })
  const looker = { ...openLooker(api, parameters), look, lookOrList: look }
  return { writing: { api, parameters, looker, prover: openProver(api, parameters) }, world, objects }
}

function refusal(): Fault {
  const cause = Object.assign(new Error('taken'), { $metadata: { httpStatusCode: 412 } })
  return new Fault('FAILED', 'taken', { hint: 'It is there.', cause })
}

/** What the holder of a claim does: look, and complete. */
function completing({ writing, objects, world }: Fake, key: string): () => Promise<'written' | 'taken'> {
  return async () => {
    if (await writing.looker.look(key, signal)) return 'taken'
    // Others get their turn between the look and the completion.
    for (let turn = 0; turn < 3; turn++) await Promise.resolve()
    objects.set(key, { modifiedMs: world.clock.now(), token: undefined })
    return 'written'
  }
}

test('of many who complete at the same time one wins, and no claim is left', async () => {
  const fake = bucket()
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, () => holdingClaim(fake.writing, 'key', completing(fake, 'key'), signal)),
  )
  expect(outcomes.filter(outcome => outcome === 'written')).toHaveLength(1)
  expect([...fake.objects.keys()]).toEqual(['key'])
})

test('a claim whose holder died is passed over when it is old, and not before', async () => {
  const fake = bucket()
  const died = holdingClaim(fake.writing, 'key', () => Promise.reject(new Error('died')), signal)
  await expect(died).rejects.toThrow('died')
  expect(fake.objects.size).toBe(1)
  const beganMs = fake.world.clock.now()
  expect(await holdingClaim(fake.writing, 'key', completing(fake, 'key'), signal)).toBe('written')
  expect(fake.world.clock.now() - beganMs).toBeGreaterThanOrEqual(limits.objectClaimMsMax)
  expect([...fake.objects.keys()]).toEqual(['key'])
})

test('a holder who is slow gives up before others may think that it is dead', async () => {
  const fake = bucket()
  const slow = holdingClaim(
    fake.writing,
    'key',
    async stop => {
      await fake.world.clock.sleep(3 * minute, signal)
      stop.throwIfAborted()
      return 'written'
    },
    signal,
  )
  await expect(slow).rejects.toThrow('while it was claimed')
})
