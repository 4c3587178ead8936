/** A storage some of whose objects lie in a class that has to be thawed, which takes no time once it is asked for. */
import { Fault } from '../../src/base/fault.ts'
import type { ObjectInfo, Storage } from '../../src/storage/storage.ts'

export interface ColdStorage {
  readonly storage: Storage
  /** What is cold; what comes later by a key that fits is as cold. */
  readonly freeze: (keys: RegExp) => void
  readonly thaw: () => void
  /** Of reads that were refused. */
  readonly refused: string[]
}

export function withCold(inner: Storage): ColdStorage {
  let frozen: RegExp | undefined
  const isCold = (key: string): boolean => frozen?.test(key) === true
  const classed = (info: ObjectInfo): ObjectInfo =>
    isCold(info.key) ? { ...info, storageClass: 'DEEP_ARCHIVE' } : info
  const refused: string[] = []
  return {
    refused,
    freeze: keys => (frozen = keys),
    thaw: () => (frozen = undefined),
    storage: {
      ...inner,
      async *get(key, range, signal) {
        if (isCold(key)) {
          refused.push(key)
          throw new Fault('OBJECT_COLD', `${key} has to be thawed before it can be read`, {
            hint: 'Thaw it.',
          })
        }
        yield* inner.get(key, range, signal)
      },
      async stat(key, signal) {
        const info = await inner.stat(key, signal)
        return info && classed(info)
      },
      async *list(what, signal) {
        for await (const info of inner.list(what, signal)) yield classed(info)
      },
      thawing: {
        isCold: storageClass => storageClass === 'DEEP_ARCHIVE',
        async state(key, signal) {
          const info = await inner.stat(key, signal)
          return {
            is: isCold(key) ? 'cold' : 'readable',
            sizeBytes: info?.sizeBytes ?? 0,
            storageClass: isCold(key) ? 'DEEP_ARCHIVE' : undefined,
          }
        },
        request: () => Promise.resolve(),
      },
    },
  }
}
