/**
 * Proof that small objects are there, for many writes at once. Each write is looked at again (see writing.ts), which
 * costs a request each; of writes in one folder that end at about the same time one list tells as much: that the key is
 * there, how long it is, and the tag that the server gave these very bytes when it took them. What a list does not show
 * like that is looked at by itself.
 */
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import { isFault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { Api } from './client.ts'
import type { Parameters } from './parameters.ts'

export interface Prover {
  /** Runs a write. Those that run at the same time are proven together. */
  writing<T>(write: () => Promise<T>): Promise<T>
  /** False: a list does not show it, or nothing else was written at the time, so that a list would save nothing. */
  isListed(written: WrittenObject, signal: AbortSignal): Promise<boolean>
}

export interface WrittenObject {
  readonly key: string
  readonly sizeBytes: number
  /** As the answer to the write told it. */
  readonly entityTag: string | undefined
}

interface Waiting extends WrittenObject {
  readonly answer: (isListed: boolean) => void
}

export function openProver(api: Api, parameters: Parameters): Prover {
  let underWay = 0
  let waiting: Waiting[] = []
  let flush: (() => void) | undefined
  /** A write has begun while others were not proven yet: more of them will come, also when none is under way just now. */
  let isBusy = false

  /** Not stopped by what stops one of those that wait; a request has its own limit of time. */
  const gather = async (): Promise<void> => {
    const full = new AbortController()
    flush = () => {
      full.abort(isFull)
    }
    await api.world.clock.sleep(limits.objectProofWaitMs, full.signal).catch(() => undefined)
    flush = undefined
    const together = waiting
    waiting = []
    isBusy &&= together.length > 1
    for (const group of byFolder(together)) {
      const listed = group.length > 1 ? await list(api, parameters, group) : new Map<string, string>()
      for (const each of group) each.answer(listed.get(each.key) === signOf(each))
    }
  }

  return {
    async writing(write) {
      isBusy ||= underWay > 0 || waiting.length > 0
      underWay++
      try {
        return await write()
      } finally {
        underWay--
        // What ends now waits in a moment; the last one has nobody to wait for.
        if (underWay === 0 && !isBusy) queueMicrotask(() => flush?.())
      }
    },
    async isListed(written, signal) {
      if (written.entityTag === undefined) return false
      if (underWay === 0 && waiting.length === 0 && !isBusy) return false
      const { promise, resolve } = Promise.withResolvers<boolean>()
      const onAbort = (): void => {
        resolve(false)
      }
      signal.addEventListener('abort', onAbort)
      try {
        waiting.push({ ...written, answer: resolve })
        if (waiting.length === 1) void gather()
        if (waiting.length >= limits.objectProofsTogetherMax) flush?.()
        return await promise
      } finally {
        signal.removeEventListener('abort', onAbort)
      }
    },
  }
}

const isFull = new Error('no more writes are waited for')

const folderOf = (key: string): string => key.slice(0, key.lastIndexOf('/') + 1)

function byFolder(together: readonly Waiting[]): readonly (readonly Waiting[])[] {
  return [...Map.groupBy(together, ({ key }) => folderOf(key)).values()]
}

/** What the server tells of each key in the span of these, in one page. Empty when it does not tell. */
async function list(
  api: Api,
  { common }: Parameters,
  group: readonly WrittenObject[],
): Promise<ReadonlyMap<string, string>> {
  const { bucket: Bucket, full, own } = api.place
  const keys = group.map(({ key }) => key).sort()
  const [first = ''] = keys
  const command = new ListObjectsV2Command({
    Bucket,
    Prefix: full(folderOf(first)),
    // The greatest name that comes before the first key cannot be written down; this comes close.
    StartAfter: full(first).slice(0, -1),
    MaxKeys: group.length * 2 + 8,
    ...common,
  })
  try {
    const { Contents = [] } = await api.send(
      { doing: `looking at ${String(keys.length)} objects` },
      command,
      never,
    )
    return new Map(
      Contents.map(({ Key = '', Size: sizeBytes = 0, ETag: entityTag }) => [
        own(Key),
        signOf({ sizeBytes, entityTag }),
      ]),
    )
  } catch (error) {
    if (!isFault(error)) throw error
    // Each is looked at by itself, and that one tells what is wrong.
    return new Map()
  }
}

const never = new AbortController().signal

/** Some servers put the tag into quotes in one place and not in another. */
const signOf = ({ sizeBytes, entityTag = '' }: Pick<WrittenObject, 'sizeBytes' | 'entityTag'>): string =>
  `${String(sizeBytes)} ${entityTag.replaceAll('"', '')}`
