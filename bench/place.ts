/** Where a tool keeps its repository: in a folder, or in a bucket. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { remove, treeSize, type TreeSize } from './disk.ts'
import type { BenchServer } from './object-storage/server.ts'

interface AnyPlace {
  /** Nothing of an earlier run is there after it. */
  empty(): Promise<void>
  clear(): Promise<void>
  /** Of what lies below a folder of the repository. */
  sizeOf(prefix: string): Promise<TreeSize>
  /** How often the server has been asked for anything since `empty`; nobody counts in a folder. */
  requests(): Promise<number | undefined>
}

export interface FolderPlace extends AnyPlace {
  readonly kind: 'folder'
  readonly directory: string
}

export interface BucketPlace extends AnyPlace {
  readonly kind: 'bucket'
  readonly server: BenchServer
  /** Of the server, or of a proxy before it. */
  readonly port: number
  readonly bucket: string
}

export type Place = FolderPlace | BucketPlace

export function folderPlace(directory: string): FolderPlace {
  const clear = async (): Promise<void> => remove(directory)
  return {
    kind: 'folder',
    directory,
    empty: clear,
    clear,
    sizeOf: async prefix =>
      existsSync(join(directory, prefix)) ? treeSize(join(directory, prefix)) : { files: 0, sizeBytes: 0 },
    requests: async () => undefined,
  }
}

/** Each `empty` takes a new bucket, so that requests are counted from nothing. */
export function bucketPlace(server: BenchServer, port = server.port): BucketPlace {
  let bucket: string | undefined
  const taken = (): string => {
    if (bucket === undefined) throw new Error('there is a bucket after `empty` only')
    return bucket
  }
  const clear = async (): Promise<void> => {
    if (bucket !== undefined) await server.removeBucket(bucket)
    bucket = undefined
  }
  return {
    kind: 'bucket',
    server,
    port,
    get bucket() {
      return taken()
    },
    async empty() {
      await clear()
      bucket = await server.makeBucket()
    },
    clear,
    sizeOf: prefix => server.sizeOf(taken(), prefix),
    requests: () => server.requestsOf(taken()),
  }
}
