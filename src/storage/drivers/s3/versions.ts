/**
 * The bucket as it was at some time: of each key the version that was the newest then. What was deleted or written over
 * since is still there as an older version, so whoever did it with stolen credentials has destroyed nothing.
 */
import {
  ListObjectVersionsCommand,
  type DeleteMarkerEntry,
  type ListObjectVersionsCommandOutput,
  type ObjectVersion,
} from '@aws-sdk/client-s3'
import { Fault } from '../../../base/fault.ts'
import { compareKeys, isKey, rangeOf } from '../../key.ts'
import type { ByteRange, ListRange, ObjectInfo } from '../../storage.ts'
import { objectMissingFault } from './faults.ts'
import { readObject, type Reading } from './read.ts'
import { versioningOf } from './traits.ts'

interface Version {
  /** The server's. */
  readonly name: string
  readonly id: string | undefined
  readonly modifiedMs: number
  readonly isLatest: boolean
  /** Absent: from here on the object was deleted. */
  readonly object: ObjectVersion | undefined
}

export interface Past {
  get(key: string, range: ByteRange | undefined, signal: AbortSignal): AsyncIterable<Uint8Array>
  stat(key: string, signal: AbortSignal): Promise<ObjectInfo | undefined>
  list(what: string | ListRange, signal: AbortSignal): AsyncIterable<ObjectInfo>
}

export function openPast(reading: Reading, asOfMs: number): Past {
  const { api } = reading
  let checked: Promise<void> | undefined
  const found = async (key: string, signal: AbortSignal): Promise<Version | undefined> => {
    await (checked ??= assertVersions(reading, signal))
    const name = api.place.full(key)
    for await (const versions of historiesOf(reading, name, undefined, signal))
      return versions[0]?.name === name ? standing(versions, asOfMs) : undefined
    return undefined
  }
  return {
    async *get(key, range, signal) {
      const version = await found(key, signal)
      if (!version) throw objectMissingFault(api.place.location, key)
      yield* readObject(reading, key, range, signal, version.id)
    },
    async stat(key, signal) {
      const version = await found(key, signal)
      return version && infoOf(key, version)
    },
    async *list(what, signal) {
      const { prefix, after, isIn } = rangeOf(what)
      await (checked ??= assertVersions(reading, signal))
      const { full, own } = api.place
      const afterName = after === undefined ? undefined : full(after)
      for await (const versions of historiesOf(reading, full(prefix), afterName, signal)) {
        const version = standing(versions, asOfMs)
        const key = own(version?.name ?? '')
        // Some servers begin with the key that was to come before.
        if (version && isKey(key) && isIn(key)) yield infoOf(key, version)
      }
    },
  }
}

/** The version that counted then, unless the object was deleted then, or not there yet. */
function standing(newestFirst: readonly Version[], asOfMs: number): Version | undefined {
  const version = newestFirst.find(({ modifiedMs }) => modifiedMs <= asOfMs)
  return version?.object ? version : undefined
}

/** All versions of each name, newest first; names in order. */
async function* historiesOf(
  reading: Reading,
  prefix: string,
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<readonly Version[], void, undefined> {
  // A name's versions may go on over the next page.
  let history: Version[] = []
  for await (const versions of pagesOf(reading, prefix, after, signal)) {
    for (const version of versions) {
      if (history[0] && history[0].name !== version.name) {
        yield history
        history = []
      }
      history.push(version)
    }
  }
  if (history.length > 0) yield history
}

async function* pagesOf(
  { api, parameters }: Reading,
  Prefix: string,
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<readonly Version[], void, undefined> {
  const asked = { Bucket: api.place.bucket, Prefix, ...parameters.common }
  let marker: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } | undefined = {
    KeyMarker: after,
  }
  while (marker) {
    const command: ListObjectVersionsCommand = new ListObjectVersionsCommand({ ...asked, ...marker })
    const doing = 'listing versions'
    const page: ListObjectVersionsCommandOutput = await api.retry(
      () => api.send({ doing }, command, signal),
      signal,
    )
    yield versionsOf(page)
    const { IsTruncated, NextKeyMarker, NextVersionIdMarker } = page
    marker =
      IsTruncated === true ? { KeyMarker: NextKeyMarker, VersionIdMarker: NextVersionIdMarker } : undefined
  }
}

function versionsOf({
  Versions = [],
  DeleteMarkers = [],
}: ListObjectVersionsCommandOutput): readonly Version[] {
  return [
    ...Versions.map(object => versionOf(object, object)),
    ...DeleteMarkers.map(marker => versionOf(marker)),
  ].sort((a, b) => compareKeys(a.name, b.name) || newerFirst(a, b))
}

/** Times may be told in whole seconds. Within one, the latest is known; of others, an object rather than nothing. */
function newerFirst(a: Version, b: Version): number {
  return (
    b.modifiedMs - a.modifiedMs ||
    Number(b.isLatest) - Number(a.isLatest) ||
    Number(b.object !== undefined) - Number(a.object !== undefined)
  )
}

function versionOf(
  { Key = '', VersionId, LastModified, IsLatest }: DeleteMarkerEntry,
  object?: ObjectVersion,
): Version {
  const modifiedMs = LastModified?.getTime() ?? 0
  return { name: Key, id: VersionId, modifiedMs, isLatest: IsLatest === true, object }
}

function infoOf(key: string, { modifiedMs, object }: Version): ObjectInfo {
  return { key, sizeBytes: object?.Size ?? 0, modifiedMs, storageClass: object?.StorageClass }
}

async function assertVersions({ api }: Reading, signal: AbortSignal): Promise<void> {
  if ((await api.retry(() => versioningOf(api, signal), signal)) !== 'never') return
  throw new Fault(
    'STORAGE_UNSUPPORTED',
    `${api.place.location} keeps no versions: it can only be read as it is now`,
    {
      hint: 'Turn versioning on for the bucket, so that it can be read as it was from then on; leave --as-of away until then.',
    },
  )
}
